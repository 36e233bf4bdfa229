/**
 * What a page gains by a script: dates in the reader's zone, a filter, keys, size bars, a
 * colour scheme that is remembered, and in a file's panel copying, digests and text. Without
 * it every page is complete. It makes elements and sets text; it never parses HTML.
 */
(() => {
  "use strict";

  const root = document.documentElement;
  const $ = (selector, within = document) => within.querySelector(selector);

  // Colour scheme. Before anything is drawn.

  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // The browser keeps nothing for this origin.
    }
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const theme = stored();
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  // What needs this script is there from the first paint on.
  root.classList.add("scripted");

  function setUpTheme() {
    const button = $("#theme");
    const label = () => (button.textContent = isDark() ? "Light" : "Dark");
    label();
    dark.addEventListener("change", label);
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      label();
      try {
        localStorage.setItem("theme", root.dataset.theme);
      } catch {
        // As above: it holds for this page.
      }
    });
  }

  // Dates, and buttons that are links once no crawler reads the page.

  const dates = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

  function localise(within) {
    for (const time of within.querySelectorAll("time")) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.valueOf())) continue;
      time.textContent = dates.format(date);
      time.title = time.dateTime;
    }
  }

  function linkTo(button, query) {
    const link = document.createElement("a");
    link.href = `?${query}`;
    link.rel = "nofollow";
    link.className = button.className;
    link.append(...button.childNodes);
    button.replaceWith(link);
  }

  function linkForms() {
    for (const form of document.querySelectorAll(".sort")) {
      linkTo($("button", form), new URLSearchParams(new FormData(form)));
    }
  }

  /** The way to the panel of the file in a row. */
  function linkPanel(row) {
    const link = $("a", row.cells[0]);
    if (!link || row.matches(".dir, .up") || $("a.more", row)) return;
    const more = document.createElement("a");
    // A name is encoded in a path as in a query.
    more.href = `?file=${link.getAttribute("href")}`;
    more.rel = "nofollow";
    more.className = "more";
    const label = document.createElement("span");
    label.className = "unseen";
    label.textContent = `Details of ${link.textContent}`;
    more.append(label);
    row.cells[3].replaceChildren(more);
  }

  /** A body of rows that is about to be seen. */
  function decorate(body) {
    localise(body);
    const largest = Number(body.parentElement.dataset.largest);
    for (const row of body.rows) {
      linkPanel(row);
      const size = row.cells[1];
      if (!(largest > 0) || !size?.title) continue;
      const bar = document.createElement("span");
      bar.className = "size";
      bar.style.width = `${(100 * parseInt(size.title)) / largest}%`;
      size.append(bar);
    }
  }

  const seen = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        seen.unobserve(target);
        decorate(target);
      }
    },
    { rootMargin: "400px" },
  );

  // The filter. Matches are copies in a body of their own: however many rows there are,
  // only as many are touched as are shown.

  const MOST_SHOWN = 500;
  const rows = [];
  /** Bodies that aren't in `rows` yet. More rows may come into the last one. */
  const unread = [];

  function readBody(body) {
    for (let row = body.firstElementChild; row; row = row.nextElementSibling) {
      if (row.className === "up") continue;
      rows.push({ row, name: row.firstElementChild.textContent.toLowerCase() });
    }
  }

  function readRows() {
    const left = document.readyState === "loading" ? 1 : 0;
    for (const body of unread.splice(0, unread.length - left)) readBody(body);
  }

  let reading = false;

  /** When nothing else is to be done. */
  function readIdly(deadline) {
    while (unread.length > 1 && deadline.timeRemaining() > 3) readBody(unread.shift());
    reading = unread.length > 1;
    if (reading) requestIdleCallback(readIdly);
  }

  function expectBody(body) {
    seen.observe(body);
    unread.push(body);
    if (reading || unread.length < 3 || !globalThis.requestIdleCallback) return;
    reading = true;
    requestIdleCallback(readIdly);
  }

  function filter(table, wanted) {
    const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    const old = $(".matches", table);
    table.classList.toggle("filtering", words.length > 0);
    if (words.length === 0) {
      old?.remove();
      $("#found").textContent = "";
      return;
    }
    readRows();
    const found = rows.filter(({ name }) => words.every((word) => name.includes(word)));
    const body = document.createElement("tbody");
    body.className = "matches";
    body.append(...found.slice(0, MOST_SHOWN).map(({ row }) => row.cloneNode(true)));
    if (old) old.replaceWith(body);
    else table.tHead.after(body);
    // Rows that weren't seen yet.
    for (const size of body.querySelectorAll(".size")) size.remove();
    decorate(body);
    const more = found.length > MOST_SHOWN ? `, the first ${MOST_SHOWN} shown` : "";
    $("#found").textContent = `${found.length} of ${rows.length}${more}`;
  }

  function setUpFilter(table) {
    const label = $("#filter");
    if (!label) return;
    const input = $("input", label);
    let waiting = 0;
    input.addEventListener("input", () => {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(() => filter(table, input.value));
    });
    document.addEventListener("DOMContentLoaded", () => input.value && filter(table, input.value));
    if (input.value) filter(table, input.value);
  }

  // Keys

  function move(table, by) {
    const bodies = table.classList.contains("filtering") ? ".matches" : "tbody";
    const row = document.activeElement?.closest?.("tbody > tr");
    let next;
    if (!row) next = $(`${bodies} > tr`, table);
    else {
      next = by > 0 ? row.nextElementSibling : row.previousElementSibling;
      let body = row.parentElement;
      while (!next && (body = by > 0 ? body.nextElementSibling : body.previousElementSibling)) {
        if (body.tagName === "TBODY")
          next = by > 0 ? body.firstElementChild : body.lastElementChild;
      }
    }
    while (next && !$("a", next))
      next = by > 0 ? next.nextElementSibling : next.previousElementSibling;
    const link = next && $("a", next);
    if (link) link.focus();
    else if (by < 0) $("#filter input")?.focus();
  }

  function setUpKeys() {
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
      const table = $(".list");
      const input = $("#filter input");
      const typing = event.target.matches?.("input, textarea, video, audio");
      const act = {
        "/": () => !typing && input && (input.focus(), input.select(), true),
        Escape: () =>
          event.target === input && ((input.value = ""), filter(table, ""), input.blur(), true),
        ArrowDown: () => table && (!typing || event.target === input) && (move(table, 1), true),
        ArrowUp: () => table && !typing && (move(table, -1), true),
        Backspace: () => {
          const up = $(".up a, .way li:nth-last-child(2) a");
          return !typing && up && (up.click(), true);
        },
      }[event.key];
      if (act?.()) event.preventDefault();
    });
  }

  // A file's panel

  function setUpCopying() {
    for (const button of document.querySelectorAll("[data-copies]")) {
      button.addEventListener("click", async () => {
        const source = document.getElementById(button.dataset.copies);
        const text = source.dataset.text ?? source.textContent;
        const done = await copy(text).catch(() => select(source));
        button.textContent = done === "selected" ? "Selected" : "Copied";
        setTimeout(() => (button.textContent = "Copy"), 2000);
      });
    }
  }

  /** Browsers have a clipboard for pages over HTTPS and of this machine; elsewhere the old way is left. */
  async function copy(text) {
    if (navigator.clipboard) return await navigator.clipboard.writeText(text);
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (!copied) throw new Error("not copied");
  }

  function select(element) {
    getSelection().selectAllChildren(element);
    return "selected";
  }

  function hex(base64) {
    return [...atob(base64)].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  }

  async function setUpDigests() {
    const card = $("#digests");
    if (!card) return;
    const { file } = card.dataset;
    const [button, state, bar] = ["button.compute", "p.state", "progress"].map((one) =>
      $(one, card),
    );
    function show(sha256) {
      button.hidden = bar.hidden = true;
      state.textContent = "";
      const code = document.createElement("code");
      code.id = "sha256";
      code.textContent = sha256;
      state.append("SHA-256 ", code);
      void showMagnet(file);
    }
    const known = (await fetch(file, { method: "HEAD" })).headers.get("repr-digest");
    const digest = /sha-256=:([^:]+):/.exec(known ?? "")?.[1];
    if (digest) return show(hex(digest));
    state.textContent = "Not computed yet.";
    button.hidden = false;
    button.addEventListener("click", async () => {
      button.hidden = true;
      bar.hidden = false;
      for (;;) {
        const answer = await fetch(`${file}.sha256`, { cache: "no-store" }).catch(() => undefined);
        const text = (await answer?.text())?.trim() ?? "The server doesn't answer";
        if (answer?.ok) return show(/^\\?([0-9a-f]{64})/.exec(text)?.[1] ?? text);
        state.textContent = text;
        if (answer !== undefined && answer.status !== 503) break;
        const percent = /(\d+) %/.exec(text)?.[1];
        if (percent) bar.value = Number(percent);
        const wait = Number(answer?.headers.get("retry-after") ?? 2);
        await new Promise((resolve) => setTimeout(resolve, 1000 * Math.min(wait, 2)));
      }
      bar.hidden = true;
      button.hidden = false;
    });
  }

  async function showMagnet(file) {
    const place = $("#magnet");
    if (!place) return;
    const answer = await fetch(`${file}.magnet`);
    if (!answer.ok) return;
    const link = (await answer.text()).trim();
    if (!link.startsWith("magnet:?")) return;
    $("#magnet-link").href = link;
    const code = $("pre", place);
    code.textContent = link;
    place.hidden = false;
  }

  /** The first bytes of a text. */
  async function showText() {
    const place = $("#text");
    if (!place) return;
    const answer = await fetch(place.dataset.file, { headers: { range: "bytes=0-65535" } });
    if (!answer.ok) return;
    place.textContent = await answer.text();
    const total = /\/(\d+)$/.exec(answer.headers.get("content-range") ?? "")?.[1];
    if (Number(total) > 65536) $("#cut").hidden = false;
  }

  // Rows come while the page is read. The rest is set up when all before the rows is there.

  let isSetUp = false;

  function setUpTop() {
    isSetUp = true;
    setUpTheme();
    setUpKeys();
    const table = $(".list");
    if (!table) return;
    linkForms();
    setUpFilter(table);
    for (const body of table.tBodies) expectBody(body);
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) {
        for (const node of addedNodes) {
          if (node.tagName === "TBODY" && !node.matches(".matches")) expectBody(node);
        }
      }
    }).observe(table, { childList: true });
  }

  function setUpRest() {
    localise($(".panel") ?? document.createElement("p"));
    setUpCopying();
    void setUpDigests();
    void showText();
  }

  const early = new MutationObserver(() => {
    if (!$(".list > tbody")) return;
    early.disconnect();
    setUpTop();
  });
  early.observe(root, { childList: true, subtree: true });
  document.addEventListener("DOMContentLoaded", () => {
    early.disconnect();
    if (!isSetUp) setUpTop();
    setUpRest();
  });
})();
