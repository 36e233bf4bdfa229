/**
 * What a page must have for people who hear it, see it badly or use no mouse: rules of WCAG
 * 2.1 AA that a program can judge, with the names that axe-core gives them. The function runs
 * in the page and returns one line for each fault.
 */

export const FAULTS = `(${faults.toString()})()`;

/* eslint-disable */
declare const document: any, getComputedStyle: any, NodeFilter: any;

function faults(): string[] {
  const found: string[] = [];
  const all = (selector: string, within: any = document): any[] => [
    ...within.querySelectorAll(selector),
  ];
  const tell = (rule: string, element: any) =>
    found.push(`${rule}: ${element.outerHTML?.slice(0, 100) ?? element}`);
  const isShown = (element: any) =>
    element.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true });
  const nameOf = (element: any): string => {
    const labelled = (element.getAttribute("aria-labelledby") ?? "").split(/\s+/).filter(Boolean);
    const names = labelled.map((id: string) => document.getElementById(id)?.textContent ?? "");
    const label = element.labels?.[0]?.textContent;
    const text = element.matches("a, button") ? element.textContent : "";
    const own = ["aria-label", "alt", "title"].map((one) => element.getAttribute(one) ?? "");
    return [...names, own[0], label, own[1], text, own[2]].join(" ").trim();
  };

  if (!document.documentElement.lang) tell("html-has-lang", document.documentElement);
  if (!document.title.trim()) tell("document-title", document.head);
  if (/maximum-scale|user-scalable=no/.test(all("meta[name=viewport]")[0]?.content ?? ""))
    tell("meta-viewport", document.head);
  for (const [rule, selector] of [
    ["landmark-one-main", "main"],
    ["page-has-heading-one", "h1"],
    ["landmark-banner", "body > header"],
    ["landmark-contentinfo", "body > footer"],
    ["landmark-navigation", "nav"],
  ] as const) {
    if (all(selector).length !== 1) found.push(`${rule}: ${all(selector).length}`);
  }
  for (const element of document.body.children) {
    if (!element.matches("header, main, footer, a.skip, script")) tell("region", element);
  }
  const skip = all("a.skip")[0];
  if (!skip || !document.querySelector(skip.getAttribute("href"))) found.push("skip-link");

  let level = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6").filter(isShown)) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) tell("heading-order", heading);
    if (!heading.textContent.trim()) tell("empty-heading", heading);
    level = next;
  }

  const ids = all("[id]").map(({ id }) => id);
  for (const id of new Set(ids))
    if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`duplicate-id: ${id}`);
  for (const attribute of ["aria-labelledby", "aria-describedby", "for"]) {
    for (const element of all(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute).split(/\s+/))
        if (!document.getElementById(id)) tell("aria-valid-attr-value", element);
    }
  }
  for (const element of all(
    "a[href], button, input:not([type=hidden]), select, textarea, iframe, video, audio, progress, [role=img], section:not([hidden])",
  ).filter(isShown)) {
    if (!nameOf(element)) tell("name", element);
  }
  for (const picture of all("img")) if (!picture.hasAttribute("alt")) tell("image-alt", picture);
  for (const element of all("[tabindex]")) if (element.tabIndex > 0) tell("tabindex", element);
  for (const element of all("[aria-hidden=true]"))
    if (all("a, button, input", element).length) tell("aria-hidden-focus", element);
  for (const list of all("ul, ol"))
    for (const item of list.children) if (!item.matches("li")) tell("list", item);
  for (const list of all("dl"))
    for (const item of list.children)
      if (!item.matches("dt, dd, div")) tell("definition-list", item);
  for (const table of all("main > table")) {
    if (!table.caption?.textContent.trim()) tell("table-caption", table);
    for (const head of all("th", table)) {
      if (!["col", "row"].includes(head.scope)) tell("scope-attr-valid", head);
      if (!head.textContent.trim()) tell("empty-table-header", head);
    }
    const columns = table.tHead.rows[0].cells.length;
    for (const row of all("tbody tr", table).slice(0, 500))
      if (row.cells.length !== columns) tell("td-has-header", row);
  }
  for (const scroller of all("pre, div")) {
    const style = getComputedStyle(scroller);
    const scrolls =
      /auto|scroll/.test(style.overflowY) && scroller.scrollHeight > scroller.clientHeight + 1;
    if (scrolls && scroller.tabIndex < 0) tell("scrollable-region-focusable", scroller);
  }

  // Contrast, WCAG 1.4.3
  const parse = (colour: string) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const over = ([r = 0, g = 0, b = 0, a = 1]: number[], [R = 255, G = 255, B = 255]: number[]) => [
    r * a + R * (1 - a),
    g * a + G * (1 - a),
    b * a + B * (1 - a),
  ];
  const luminance = (colour: number[]) => {
    const [r = 0, g = 0, b = 0] = colour.map((one) => {
      const part = one / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element: any): number[] => {
    if (!element) return [255, 255, 255];
    const colour = parse(getComputedStyle(element).backgroundColor);
    return colour[3] === 0
      ? behind(element.parentElement)
      : over(colour, colour.length === 4 ? behind(element.parentElement) : []);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let count = 0; texts.nextNode() && count < 3000; count++) {
    const element = texts.currentNode.parentElement;
    if (
      !texts.currentNode.data.trim() ||
      !isShown(element) ||
      element.matches(".unseen, .unseen *, .skip, svg *")
    )
      continue;
    const style = getComputedStyle(element);
    const back = behind(element);
    const lights = [luminance(over(parse(style.color), back)), luminance(back)].sort(
      (a, b) => b - a,
    );
    const contrast = ((lights[0] ?? 0) + 0.05) / ((lights[1] ?? 0) + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast < (isLarge ? 3 : 4.5)) tell(`color-contrast ${contrast.toFixed(2)}`, element);
  }
  return found;
}
