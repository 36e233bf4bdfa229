/**
 * One TCP connection as bytes: what `fetch` would hide. A response is read by its
 * own framing, so that nothing waits for time to pass.
 */

/** One response as it came. Field names are lower case; doubled lines are joined by ", ". */
export interface WireResponse {
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Whether the body was all there; false when the connection ended inside it. */
  readonly complete: boolean;
}

export class Wire implements Disposable {
  /** What has come and wasn't read; it is joined when it is looked at. */
  #received: Buffer[] = [];
  #buffered = 0;
  #closed = false;
  #wake: () => void = () => {};
  readonly #socket: Bun.Socket<undefined>;

  private constructor(socket: Bun.Socket<undefined>) {
    this.#socket = socket;
  }

  /**
   * `from`: an address of this machine; undefined: the one that the kernel takes. By TLS any
   * certificate will do, and a connection that ends before it is secure is a closed one.
   */
  static async connect(
    port: number,
    hostname = "127.0.0.1",
    from?: string,
    secure = false,
  ): Promise<Wire> {
    const { promise, resolve } = Promise.withResolvers<Wire>();
    const wires = new WeakMap<Bun.Socket<undefined>, Wire>();
    await Bun.connect({
      hostname,
      port,
      ...(from !== undefined && { localAddress: from }),
      ...(secure && { tls: { rejectUnauthorized: false } }),
      socket: {
        open(socket) {
          const wire = new Wire(socket);
          wires.set(socket, wire);
          if (!secure) resolve(wire);
        },
        handshake: (socket) => resolve(wires.get(socket)!),
        data: (socket, chunk) => wires.get(socket)!.#take(chunk),
        close: (socket) => resolve(wires.get(socket)!.#end()),
        error: (socket) => resolve(wires.get(socket)!.#end()),
      },
    });
    return await promise;
  }

  /** Sends a request line and fields; a Host is put in unless one is given. */
  request(method: string, target: string, fields: Record<string, string> = {}): void {
    const lines = Object.entries({ Host: "test", ...fields }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    this.send(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`);
  }

  send(bytes: string | Uint8Array): void {
    this.#socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    this.#socket.flush();
  }

  /** Stops or goes on reading, as a paused player does. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Bytes received and not yet read. */
  get buffered(): number {
    return this.#buffered;
  }

  /** The status line, when it has come. */
  begins(): string {
    const received = this.#join();
    return received.subarray(0, Math.max(0, received.indexOf("\r\n"))).toString("latin1");
  }

  /** Waits until at least `count` bytes are there, or the connection is closed. */
  async waitFor(count: number): Promise<void> {
    while (this.#buffered < count && !this.#closed) await this.#more();
  }

  /** Waits for the other end to close; answers what came before and was not read. */
  async untilClosed(): Promise<Buffer> {
    while (!this.#closed) await this.#more();
    return this.#shift(this.#buffered);
  }

  /** Reads up to the first `mark`, or to the end of the connection. */
  readTo(mark: string): Promise<string> {
    return this.#until(mark);
  }

  /** Reads one response to `method` by its Content-Length or chunks. */
  async response(method = "GET"): Promise<WireResponse> {
    const head = await this.#until("\r\n\r\n");
    const [statusLine = "", ...lines] = head.split("\r\n");
    const fields: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon === -1) continue;
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      fields[name] = name in fields ? `${fields[name]}, ${value}` : value;
    }
    const status = Number(statusLine.split(" ")[1]);
    if (method === "HEAD" || status === 304 || status === 204) {
      return { status, fields, body: Buffer.alloc(0), complete: true };
    }
    if (fields["transfer-encoding"] === "chunked")
      return { status, fields, ...(await this.#chunks()) };
    const length = Number(fields["content-length"] ?? 0);
    const body = await this.#bytes(length);
    return { status, fields, body, complete: body.length === length };
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }

  async #chunks(): Promise<{ body: Buffer; complete: boolean }> {
    const chunks: Buffer[] = [];
    for (;;) {
      const size = Number.parseInt(await this.#until("\r\n"), 16);
      if (Number.isNaN(size)) return { body: Buffer.concat(chunks), complete: false };
      const chunk = await this.#bytes(size + 2);
      if (size === 0) return { body: Buffer.concat(chunks), complete: chunk.length === 2 };
      chunks.push(chunk.subarray(0, size));
    }
  }

  async #until(mark: string): Promise<string> {
    for (;;) {
      const at = this.#join().indexOf(mark);
      if (at !== -1) return this.#shift(at + mark.length).toString("latin1");
      if (this.#closed) return this.#shift(this.#buffered).toString("latin1");
      await this.#more();
    }
  }

  async #bytes(count: number): Promise<Buffer> {
    await this.waitFor(count);
    return this.#shift(Math.min(count, this.#buffered));
  }

  #shift(count: number): Buffer {
    const all = this.#join();
    this.#received = [all.subarray(count)];
    this.#buffered -= count;
    return all.subarray(0, count);
  }

  #join(): Buffer {
    const [first] = this.#received;
    if (first !== undefined && this.#received.length === 1) return first;
    const all = Buffer.concat(this.#received);
    this.#received = [all];
    return all;
  }

  #take(chunk: Uint8Array): void {
    this.#received.push(Buffer.from(chunk));
    this.#buffered += chunk.length;
    this.#wake();
  }

  #end(): this {
    this.#closed = true;
    this.#wake();
    return this;
  }

  async #more(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

/** One request on a connection of its own. */
export async function ask(
  port: number,
  method: string,
  target: string,
  fields: Record<string, string> = {},
): Promise<WireResponse> {
  using wire = await Wire.connect(port);
  wire.request(method, target, fields);
  return await wire.response(method);
}
