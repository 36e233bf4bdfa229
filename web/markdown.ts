/**
 * Markdown as HTML that is safe in a page of this server. The runtime writes it; HTML in the
 * text is shown as text, links lead to the web or to files near by, and pictures come from
 * this server.
 */

/** Bytes of a text that is shown as Markdown. */
export const LONGEST_MARKDOWN = 256 * 1024;

/** Characters of HTML: nested quotes can make much of little. */
const LONGEST_HTML = 2 * 1024 * 1024;

/** Cells of a table that is shown as one: rows are filled up to the width of the first. */
const MOST_CELLS = 100_000;

/** A web or mail address, a path or an anchor: nothing that a scheme could hide in. */
const LINK = /^(?:https?:\/\/|mailto:|#|\/(?!\/)|\.{1,2}\/|[\w.~%-]+(?:[/?#]|$))/i;
const PICTURE = /^(?:\/(?!\/)|\.{1,2}\/|[\w.~%-]+(?:[/?#]|$))/i;

/** Undefined for a text that is shown as it is. */
export function markdownHtml(text: string): string | undefined {
  const options = { noHtmlBlocks: true, noHtmlSpans: true, tables: hasFewCells(text) };
  const html = Bun.markdown.html(text, options);
  if (html.length > LONGEST_HTML) return undefined;
  const rewriter = new HTMLRewriter()
    .on("a", {
      element(link) {
        if (!LINK.test(link.getAttribute("href") ?? "")) link.removeAttribute("href");
        link.setAttribute("rel", "nofollow noreferrer");
      },
    })
    .on("img", {
      element(picture) {
        if (PICTURE.test(picture.getAttribute("src") ?? ""))
          picture.setAttribute("loading", "lazy");
        else picture.replace(`[${picture.getAttribute("alt") ?? "picture"}]`);
      },
    })
    .on("input", {
      element(box) {
        box.setAttribute("aria-label", "done");
      },
    });
  // Below the headings of the page.
  for (let level = 4; level >= 1; level--) {
    rewriter.on(`h${level}`, {
      element(heading) {
        heading.tagName = `h${level + 2}`;
      },
    });
  }
  return rewriter.transform(html);
}

function hasFewCells(text: string): boolean {
  const lines = text.split("\n").filter((line) => line.includes("|"));
  const width = lines.reduce((most, line) => Math.max(most, line.split("|").length), 0);
  return width * text.split("\n").length <= MOST_CELLS;
}
