/**
 * The live section: what goes on at the server, drawn once a second from its events while
 * the section is open and the page is seen. Elements are kept and changed: however long it
 * runs, there are as many as there is to show. It sets text and attributes; it never parses
 * HTML.
 */
(() => {
  "use strict";

  const section = document.querySelector("#live");
  if (!section) return;
  /** Only what is below this path is shown. */
  const below = readable(section.dataset.below ?? "");
  const SVG = "http://www.w3.org/2000/svg";
  const SECONDS = 180;
  /** Milliseconds until a server that has too many viewers is asked again. */
  const LATER = 30_000;

  function make(name, className, ...children) {
    const element = document.createElement(name);
    if (className) element.className = className;
    element.append(...children);
    return element;
  }

  function svg(name, attributes, ...children) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function setAttribute(element, name, value) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }

  const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"];

  function size(bytes) {
    let [scaled, unit] = [bytes, "B"];
    for (const next of UNITS) {
      if (scaled < 1024) break;
      [scaled, unit] = [scaled / 1024, next];
    }
    const text = unit === "B" || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1);
    return `${text} ${unit}`;
  }

  const percent = (part) => `${Math.round(100 * part)} %`;
  const plural = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

  /** A path of names as text: a name that is no UTF-8 stays encoded. */
  function readable(path) {
    try {
      return decodeURIComponent(path);
    } catch {
      return path;
    }
  }

  // One bar: how many peers have each stretch of the pieces, in four shades.

  const SHADES = 4;

  function shadeOf(copies, peers) {
    if (copies <= 0 || peers <= 0) return 0;
    return copies < 1 ? 1 : Math.min(SHADES, 1 + Math.ceil((3 * copies) / peers));
  }

  function drawSpread(bar, spread, peers) {
    const drawn = Array.from({ length: SHADES + 1 }, () => "");
    for (let start = 0; start < spread.length;) {
      const shade = shadeOf(spread[start], peers);
      let end = start + 1;
      while (end < spread.length && shadeOf(spread[end], peers) === shade) end++;
      drawn[shade] += `M${start} 0h${end - start}v1h${start - end}z`;
      start = end;
    }
    setAttribute(bar, "viewBox", `0 0 ${Math.max(1, spread.length)} 1`);
    for (let shade = 1; shade <= SHADES; shade++) {
      setAttribute(bar.children[shade - 1], "d", drawn[shade]);
    }
    const mean = spread.reduce((sum, copies) => sum + copies, 0) / Math.max(1, spread.length);
    const label = `On average ${mean.toFixed(1)} of ${plural(peers, "peer")} have a piece`;
    setAttribute(bar, "aria-label", label);
  }

  function makeSpread() {
    const paths = Array.from({ length: SHADES }, (_, n) => svg("path", { class: `shade${n + 1}` }));
    return svg("svg", { class: "spread", role: "img", preserveAspectRatio: "none" }, ...paths);
  }

  // Lists whose rows are kept by key.

  function makeList(title, makeRow) {
    const list = make("ul", "rows");
    const heading = make("h2", "", title);
    const rows = new Map();
    function show(items) {
      const keys = new Set(items.map(({ key }) => key));
      for (const [key, row] of rows) {
        if (keys.has(key)) continue;
        row.element.remove();
        rows.delete(key);
      }
      items.forEach(({ key, item }, n) => {
        let row = rows.get(key);
        if (row === undefined) rows.set(key, (row = makeRow()));
        row.update(item);
        if (list.children[n] !== row.element) list.insertBefore(row.element, list.children[n]);
      });
      heading.hidden = list.hidden = items.length === 0;
    }
    show([]);
    return { elements: [heading, list], show };
  }

  function makeName() {
    const name = make("bdi");
    const link = make("a", "name", name);
    function update(path) {
      setAttribute(link, "href", path);
      const whole = readable(path);
      setText(name, whole.slice(whole.startsWith(below) ? below.length : 0) || whole);
    }
    return { link, update };
  }

  function makeFile() {
    const { link, update: setName } = makeName();
    const facts = make("span", "note");
    const spread = makeSpread();
    const peers = makeList("", makePeer);
    peers.elements[1].className = "peers";
    const element = make("li", "", link, facts, spread, peers.elements[1]);
    function update(file) {
      setName(file.path);
      const share = file.originShare === null ? "" : `, origin sent ${percent(file.originShare)}`;
      const counts = `${plural(file.seeds, "seed")}, ${plural(file.leechers, "peer")}`;
      setText(facts, `${size(file.length)}, ${counts}${share}`);
      drawSpread(spread, file.spread, file.connected);
      peers.show(keyed(file.peers, (peer, n) => `${peer.client} ${peer.port || n}`));
    }
    return { element, update };
  }

  function makePeer() {
    const bar = make("progress");
    const element = make("li", "", bar);
    function update({ client, port, completion }) {
      const label = `${client}${port ? ` port ${port}` : ""}: ${percent(completion)}`;
      bar.value = completion;
      setAttribute(bar, "aria-label", label);
      setAttribute(element, "title", label);
    }
    return { element, update };
  }

  function makeDownload() {
    const { link, update: setName } = makeName();
    const facts = make("span", "note");
    const bar = make("progress");
    const element = make("li", "", link, facts, bar);
    function update(one) {
      setName(one.path);
      const part = one.owed > 0 ? Math.min(1, one.acknowledged / one.owed) : 0;
      const rate = one.seconds > 0 ? `${size(one.acknowledged / one.seconds)}/s` : "";
      const range = one.range === null ? "" : `, ${one.range}`;
      const outcome = one.outcome === undefined ? rate : one.outcome;
      setText(facts, `${one.client}, ${percent(part)} of ${size(one.owed)}${range}, ${outcome}`);
      bar.value = part;
      setAttribute(bar, "aria-label", `Download: ${percent(part)}`);
      element.className = one.outcome === undefined ? "" : `ended ${one.outcome.replace(" ", "-")}`;
    }
    return { element, update };
  }

  function keyed(items, keyOf) {
    const seen = new Map();
    return items.map((item, n) => {
      const key = keyOf(item, n);
      const count = (seen.get(key) ?? 0) + 1;
      seen.set(key, count);
      return { key: `${key} ${count}`, item };
    });
  }

  // Throughput

  function makeChart() {
    const area = svg("path", { class: "all" });
    const seeded = svg("path", { class: "seeded" });
    const options = { class: "chart", role: "img", preserveAspectRatio: "none" };
    const element = svg("svg", { ...options, viewBox: `0 0 ${SECONDS - 1} 40` }, area, seeded);
    function draw(path, values, most) {
      const points = values.map((bytes, n) => `${n} ${(40 - (40 * bytes) / most).toFixed(1)}`);
      setAttribute(path, "d", `M0 40L${points.join("L")}L${values.length - 1} 40z`);
    }
    function update({ http, seeder }) {
      const all = http.map((bytes, n) => bytes + (seeder[n] ?? 0));
      const most = Math.max(1, ...all);
      draw(area, all, most);
      draw(seeded, seeder, most);
      const label = `Bytes a second of the last three minutes: now ${size(all.at(-1) ?? 0)}, at most ${size(most)}`;
      setAttribute(element, "aria-label", label);
    }
    return { element, update };
  }

  // The section

  const totals = make("p", "note");
  const chart = makeChart();
  const files = makeList("Shared", makeFile);
  const running = makeList("Downloads", makeDownload);
  const ended = makeList("Ended", makeDownload);
  const quiet = make("p", "note", "Nothing is shared or downloaded now.");
  const parts = [files, running, ended].flatMap(({ elements }) => elements);
  const content = make("div", "live-content", totals, chart.element, ...parts, quiet);

  const isBelow = ({ path }) => readable(path).startsWith(below);

  function draw(snapshot) {
    const { sent, originShare, throughput } = snapshot;
    const now = (throughput.http.at(-1) ?? 0) + (throughput.seeder.at(-1) ?? 0);
    const share =
      originShare === null
        ? ""
        : ` The origin sent ${percent(originShare)} of all bytes, as peers report.`;
    setText(
      totals,
      `Whole server: ${size(now)}/s now; ${size(sent.http)} by HTTP and ${size(sent.seeder)} to peers since the start.${share}`,
    );
    chart.update(throughput);
    const shown = snapshot.files.filter(isBelow);
    const transfers = snapshot.transfers.filter(isBelow);
    const over = snapshot.ended.filter(isBelow);
    files.show(keyed(shown, ({ path }) => path));
    running.show(keyed(transfers, ({ id }) => id));
    ended.show(keyed(over, ({ id }) => id));
    quiet.hidden = shown.length + transfers.length + over.length > 0;
  }

  // The connection: open while somebody looks.

  let source;
  let later;
  let isOpen = false;

  function connect() {
    clearTimeout(later);
    if (source || !isOpen || document.hidden) return;
    source = new EventSource("/-/events");
    source.addEventListener("message", ({ data }) => draw(JSON.parse(data)));
    source.addEventListener("error", () => {
      // The browser comes again by itself, unless the server refused.
      if (source?.readyState !== EventSource.CLOSED) return;
      disconnect();
      later = setTimeout(connect, LATER);
    });
  }

  function disconnect() {
    source?.close();
    source = undefined;
  }

  function follow() {
    if (isOpen && !document.hidden) connect();
    else disconnect();
  }

  document.addEventListener("visibilitychange", follow);
  if (section.tagName === "DETAILS") {
    section.addEventListener("toggle", () => {
      isOpen = section.open;
      follow();
    });
  } else isOpen = true;
  if (section.dataset.rendered === undefined) section.append(content);
  else section.replaceChildren(content);
  follow();
})();
