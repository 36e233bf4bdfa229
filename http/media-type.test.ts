/** Content-Type by extension: what clients act on, and that text says how it is encoded. */

import { describe, expect, test } from "bun:test";
import { mediaTypeOf } from "./media-type.ts";

describe("mediaTypeOf", () => {
  test.each<[string, string]>([
    // Text
    ["readme.txt", "text/plain; charset=utf-8"],
    ["server.log", "text/plain; charset=utf-8"],
    ["SHA256SUMS.sha256", "text/plain; charset=utf-8"],
    ["README.md", "text/markdown; charset=utf-8"],
    ["index.html", "text/html; charset=utf-8"],
    ["index.htm", "text/html; charset=utf-8"],
    ["style.css", "text/css; charset=utf-8"],
    ["table.csv", "text/csv; charset=utf-8"],
    ["app.js", "text/javascript; charset=utf-8"],
    ["module.mjs", "text/javascript; charset=utf-8"],
    ["subtitles.vtt", "text/vtt; charset=utf-8"],
    ["feed.xml", "text/xml; charset=utf-8"],
    // Data
    ["data.json", "application/json"],
    ["map.geojson", "application/geo+json"],
    ["module.wasm", "application/wasm"],
    ["paper.pdf", "application/pdf"],
    ["book.epub", "application/epub+zip"],
    ["columns.parquet", "application/vnd.apache.parquet"],
    ["file.torrent", "application/x-bittorrent"],
    ["file.meta4", "application/metalink4+xml"],
    ["file.metalink", "application/metalink+xml"],
    ["live.m3u8", "application/vnd.apple.mpegurl"],
    ["live.mpd", "application/dash+xml"],
    // Documents and archives
    ["letter.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
    ["letter.odt", "application/vnd.oasis.opendocument.text"],
    ["files.zip", "application/zip"],
    ["files.tar", "application/x-tar"],
    ["files.7z", "application/x-7z-compressed"],
    ["files.zst", "application/zstd"],
    ["package.deb", "application/vnd.debian.binary-package"],
    ["system.iso", "application/x-iso9660-image"],
    // Images, sound, moving pictures, fonts
    ["photo.jpg", "image/jpeg"],
    ["photo.jpeg", "image/jpeg"],
    ["icon.png", "image/png"],
    ["icon.svg", "image/svg+xml"],
    ["photo.avif", "image/avif"],
    ["map.tif", "image/tiff"],
    ["song.mp3", "audio/mpeg"],
    ["song.flac", "audio/flac"],
    ["song.opus", "audio/ogg"],
    ["film.mp4", "video/mp4"],
    ["film.webm", "video/webm"],
    ["film.mkv", "video/matroska"],
    ["part.ts", "video/mp2t"],
    ["font.woff2", "font/woff2"],
    // Which part of a name counts
    ["files.tar.gz", "application/gzip"],
    ["PHOTO.JPG", "image/jpeg"],
    ["Photo.JpEg", "image/jpeg"],
    ["photo.jpg.part", "application/octet-stream"],
    ["a.b.c.png", "image/png"],
    ["two words.png", "image/png"],
    ["ä.png", "image/png"],
    // Nothing known: bytes
    ["", "application/octet-stream"],
    ["data", "application/octet-stream"],
    ["png", "application/octet-stream"],
    ["photo.", "application/octet-stream"],
    ["photo.png ", "application/octet-stream"],
    ["photo.unknown", "application/octet-stream"],
    ["data.bin", "application/octet-stream"],
    ["a.constructor", "application/octet-stream"],
    ["a.__proto__", "application/octet-stream"],
    ["a.txt text", "application/octet-stream"],
  ])("%s: %s", (name, expected) => {
    expect(mediaTypeOf(name)).toBe(expected);
  });

  // What browsers, players and readers ask for; each must be told apart from mere bytes.
  const TEXT =
    "txt text log conf cfg ini diff patch sha1 sha256 sha512 md5 asc rst srt c h cc cpp go py rs sh sql toml " +
    "md markdown html htm css csv tsv ics vcf vtt js mjs yaml yml xml xsl";
  const OTHER =
    "json map jsonl geojson webmanifest wasm pdf ps rtf epub parquet sqlite m3u8 mpd atom rss xhtml torrent " +
    "meta4 metalink pem doc docx xls xlsx ppt pptx odt ods odp zip gz tgz bz2 xz zst lz4 7z rar tar cpio jar " +
    "apk deb rpm iso dmg msi exe png apng jpg jpeg gif webp avif heic jxl svg bmp ico tif tiff mp3 m4a aac " +
    "ogg oga opus flac wav mid weba mp4 m4v webm mkv mov avi mpg mpeg ogv ts m2ts wmv flv 3gp woff woff2 ttf otf";

  test.each(TEXT.split(" "))("x.%s is text in UTF-8", (extension) => {
    expect(mediaTypeOf(`x.${extension}`)).toMatch(/^text\/[a-z-]+; charset=utf-8$/);
  });

  test.each(OTHER.split(" "))("x.%s is not text and has no parameter", (extension) => {
    const mediaType = mediaTypeOf(`x.${extension}`);
    expect(mediaType).toMatch(/^(?:application|image|audio|video|font)\/[a-z0-9.+-]+$/);
    expect(mediaType).not.toBe("application/octet-stream");
  });
});
