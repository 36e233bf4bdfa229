/**
 * Content-Type from a file name's extension (RFC 9110 §8.3). Text is declared UTF-8,
 * which is what files are today; anything unknown is bytes.
 */

/** Media types, each with the extensions that stand for it. */
const TYPES: readonly (readonly [mediaType: string, extensions: string])[] = [
  // Text
  [
    "text/plain",
    "txt text log conf cfg ini diff patch sha1 sha256 sha512 md5 asc rst srt c h cc cpp go py rs sh sql toml",
  ],
  ["text/markdown", "md markdown"],
  ["text/html", "html htm"],
  ["text/css", "css"],
  ["text/csv", "csv"],
  ["text/tab-separated-values", "tsv"],
  ["text/calendar", "ics"],
  ["text/vcard", "vcf"],
  ["text/vtt", "vtt"],
  ["text/javascript", "js mjs"],
  ["text/yaml", "yaml yml"],
  ["text/xml", "xml xsl"],
  // Data
  ["application/json", "json map"],
  ["application/jsonl", "jsonl"],
  ["application/geo+json", "geojson"],
  ["application/manifest+json", "webmanifest"],
  ["application/wasm", "wasm"],
  ["application/pdf", "pdf"],
  ["application/postscript", "ps"],
  ["application/rtf", "rtf"],
  ["application/epub+zip", "epub"],
  ["application/vnd.apache.parquet", "parquet"],
  ["application/vnd.sqlite3", "sqlite"],
  ["application/vnd.apple.mpegurl", "m3u8"],
  ["application/dash+xml", "mpd"],
  ["application/atom+xml", "atom"],
  ["application/rss+xml", "rss"],
  ["application/xhtml+xml", "xhtml"],
  ["application/x-bittorrent", "torrent"],
  ["application/metalink4+xml", "meta4"],
  ["application/metalink+xml", "metalink"],
  ["application/x-pem-file", "pem"],
  // Documents
  ["application/msword", "doc"],
  ["application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"],
  ["application/vnd.ms-excel", "xls"],
  ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"],
  ["application/vnd.ms-powerpoint", "ppt"],
  ["application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"],
  ["application/vnd.oasis.opendocument.text", "odt"],
  ["application/vnd.oasis.opendocument.spreadsheet", "ods"],
  ["application/vnd.oasis.opendocument.presentation", "odp"],
  // Archives and packages
  ["application/zip", "zip"],
  ["application/gzip", "gz tgz"],
  ["application/x-bzip2", "bz2"],
  ["application/x-xz", "xz"],
  ["application/zstd", "zst"],
  ["application/x-lz4", "lz4"],
  ["application/x-7z-compressed", "7z"],
  ["application/vnd.rar", "rar"],
  ["application/x-tar", "tar"],
  ["application/x-cpio", "cpio"],
  ["application/java-archive", "jar"],
  ["application/vnd.android.package-archive", "apk"],
  ["application/vnd.debian.binary-package", "deb"],
  ["application/x-rpm", "rpm"],
  ["application/x-iso9660-image", "iso"],
  ["application/x-apple-diskimage", "dmg"],
  ["application/x-msi", "msi"],
  ["application/vnd.microsoft.portable-executable", "exe"],
  // Images
  ["image/png", "png"],
  ["image/apng", "apng"],
  ["image/jpeg", "jpg jpeg"],
  ["image/gif", "gif"],
  ["image/webp", "webp"],
  ["image/avif", "avif"],
  ["image/heic", "heic"],
  ["image/jxl", "jxl"],
  ["image/svg+xml", "svg"],
  ["image/bmp", "bmp"],
  ["image/vnd.microsoft.icon", "ico"],
  ["image/tiff", "tif tiff"],
  // Sound
  ["audio/mpeg", "mp3"],
  ["audio/mp4", "m4a"],
  ["audio/aac", "aac"],
  ["audio/ogg", "ogg oga opus"],
  ["audio/flac", "flac"],
  ["audio/wav", "wav"],
  ["audio/midi", "mid"],
  ["audio/webm", "weba"],
  // Moving pictures
  ["video/mp4", "mp4 m4v"],
  ["video/webm", "webm"],
  ["video/matroska", "mkv"],
  ["video/quicktime", "mov"],
  ["video/vnd.avi", "avi"],
  ["video/mpeg", "mpg mpeg"],
  ["video/ogg", "ogv"],
  ["video/mp2t", "ts m2ts"],
  ["video/x-ms-wmv", "wmv"],
  ["video/x-flv", "flv"],
  ["video/3gpp", "3gp"],
  // Fonts
  ["font/woff", "woff"],
  ["font/woff2", "woff2"],
  ["font/ttf", "ttf"],
  ["font/otf", "otf"],
];

/** Filled by the first question, not when the program starts. */
const byExtension = new Map<string, string>();

/** The media type of a file by its name; `application/octet-stream` when the extension says nothing. */
export function mediaTypeOf(name: string): string {
  if (byExtension.size === 0) fill();
  const dot = name.lastIndexOf(".");
  const extension = dot === -1 ? "" : name.slice(dot + 1).toLowerCase();
  return byExtension.get(extension) ?? "application/octet-stream";
}

function fill(): void {
  for (const [type, extensions] of TYPES) {
    const said = type.startsWith("text/") ? `${type}; charset=utf-8` : type;
    for (const extension of extensions.split(" ")) byExtension.set(extension, said);
  }
}
