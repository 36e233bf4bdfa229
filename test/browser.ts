/**
 * Chromium for tests: one browser, one page at a time. Everything that the page complains of
 * is kept: errors, refused loads, violations of its Content-Security-Policy.
 */

/** Where Debian has it. */
export const CHROMIUM = "chromium";

export interface Browser extends Disposable {
  readonly view: Bun.WebView;
  /** What the page complained of since the last call. */
  complaints(): string[];
  /** Opens a URL and waits until it is loaded. */
  open(url: string): Promise<void>;
  /** The value of an expression in the page. */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until an expression in the page holds. */
  until(expression: string): Promise<void>;
  /** A command of the DevTools protocol. */
  cdp<T>(method: string, params?: Record<string, unknown>): Promise<T>;
}

export async function openBrowser(width = 1200, height = 800): Promise<Browser> {
  const view = new Bun.WebView({
    backend: {
      type: "chrome",
      path: Bun.which(CHROMIUM) ?? "/usr/bin/chromium",
      url: false,
      argv: [
        ...["--no-sandbox", "--disable-quic", "--disable-background-networking"],
        ...["--disable-component-update", "--autoplay-policy=no-user-gesture-required"],
        "--proxy-server=direct://",
      ],
    },
    ...{ width, height },
  });
  const said: string[] = [];
  await view.navigate("about:blank");
  view.addEventListener("Log.entryAdded", (event) => {
    const { entry } = (
      event as MessageEvent<{ entry: { level: string; text: string; url?: string } }>
    ).data;
    if (entry.level === "error" || entry.level === "warning")
      said.push(`${entry.text} ${entry.url ?? ""}`);
  });
  view.addEventListener("Runtime.exceptionThrown", (event) => {
    const { exceptionDetails } = (
      event as MessageEvent<{
        exceptionDetails: { text: string; exception?: { description?: string } };
      }>
    ).data;
    said.push(exceptionDetails.exception?.description ?? exceptionDetails.text);
  });
  view.addEventListener("Runtime.consoleAPICalled", (event) => {
    const { type, args } = (event as MessageEvent<{ type: string; args: { value?: unknown }[] }>)
      .data;
    if (type === "error" || type === "warning")
      said.push(args.map(({ value }) => String(value)).join(" "));
  });
  for (const domain of ["Log", "Runtime", "Page", "Network"]) await view.cdp(`${domain}.enable`);
  const evaluate = async <T>(expression: string) => (await view.evaluate(expression)) as T;
  return {
    view,
    complaints: () => said.splice(0),
    open: async (url) => await view.navigate(url),
    evaluate,
    async until(expression) {
      for (;;) {
        try {
          const frame = `new Promise((done) => requestAnimationFrame(() => done(!!(${expression}))))`;
          if (await evaluate<boolean>(frame)) return;
        } catch (error) {
          // The page went away for the next one.
          if (!(error instanceof Error && /navigated|context/i.test(error.message))) throw error;
        }
      }
    },
    cdp: async <T>(method: string, params?: Record<string, unknown>) =>
      (await view.cdp(method, params)) as T,
    [Symbol.dispose]: () => view.close(),
  };
}
