/** What Markdown of a stranger becomes: no HTML of its own, no link that acts, no picture from elsewhere. */

import { expect, test } from "bun:test";
import { markdownHtml } from "./markdown.ts";

const REL = 'rel="nofollow noreferrer"';

test.each<[string, string, string]>([
  ["headings below the page's own", "# A\n#### B", "<h3>A</h3>\n<h6>B</h6>\n"],
  ["a script", "<script>x()</script>", "<p>&lt;script&gt;x()&lt;/script&gt;</p>\n"],
  ["HTML in a line", "a <b onclick=x>b</b>", "<p>a &lt;b onclick=x&gt;b&lt;/b&gt;</p>\n"],
  ["a link", "[a](https://h/x)", `<p><a href="https://h/x" ${REL}>a</a></p>\n`],
  ["a file near by", "[a](sub/b.md#c)", `<p><a href="sub/b.md#c" ${REL}>a</a></p>\n`],
  ["code for a link", "[a](javascript:x())", `<p><a ${REL}>a</a></p>\n`],
  ["the same in capitals", "[a](JaVaScript:x())", `<p><a ${REL}>a</a></p>\n`],
  ["the same, hidden", "[a](java&#115;cript:x)", `<p><a ${REL}>a</a></p>\n`],
  ["the same, with a tab", "[a](<java\tscript:x>)", `<p><a ${REL}>a</a></p>\n`],
  ["data", "[a](data:text/html,x)", `<p><a ${REL}>a</a></p>\n`],
  ["another host without a scheme", "[a](//h/x)", `<p><a ${REL}>a</a></p>\n`],
  ["a picture near by", "![a](b.png)", '<p><img src="b.png" alt="a" loading="lazy" /></p>\n'],
  ["a picture from elsewhere", "![a](http://h/b.png)", "<p>[a]</p>\n"],
  ["its text is text", '![<i>"](http://h/b.png)', "<p>[&amp;lt;i&amp;gt;&amp;quot;]</p>\n"],
  ["a quote that leaves an attribute", '[a](b"onclick="x)', `<p><a ${REL}>a</a></p>\n`],
])("%s", (_why, text, html) => {
  expect(markdownHtml(text)).toBe(html);
});

test("A table that would be filled up to millions of cells is text", () => {
  const wide = `${"|a".repeat(2000)}|\n${"|-".repeat(2000)}|\n${"|b\n".repeat(10_000)}`;
  expect((markdownHtml(wide) ?? "").length).toBeLessThan(100_000);
});

test("What becomes too long is shown as it is", () => {
  expect(markdownHtml("> ".repeat(100_000))).toBe(undefined);
});
