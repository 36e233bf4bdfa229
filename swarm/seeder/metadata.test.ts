/** Extension messages: BEP 9 and 10. */

import { describe, expect, test } from "bun:test";
import {
  encodeExtensionHandshake,
  encodeMetadataPiece,
  parseMetadataId,
  parseMetadataRequest,
} from "./metadata.ts";

test("The handshake", () => {
  const bytes = encodeExtensionHandshake({ metadataSize: 31235, port: 13001, requestQueue: 250 });
  expect(Buffer.from(bytes).toString()).toEqual(
    "d1:md11:ut_metadatai1ee13:metadata_sizei31235e1:pi13001e4:reqqi250e1:v8:rangesrve",
  );
});

describe("parseMetadataId", () => {
  test.each<[string, string, number | undefined]>([
    ["a number", "d1:md11:ut_metadatai3e6:ut_pexi1eee", 3],
    ["the highest", "d1:md11:ut_metadatai255eee", 255],
    ["switched off", "d1:md11:ut_metadatai0eee", undefined],
    ["no byte", "d1:md11:ut_metadatai256eee", undefined],
    ["text", "d1:md11:ut_metadata1:3ee", undefined],
    ["without it", "d1:md6:ut_pexi1eee", undefined],
    ["no extensions", "d1:v1:xe", undefined],
    ["extensions that are none", "d1:mi1ee", undefined],
    ["no dictionary", "le", undefined],
    ["garbage", "\xff\xff", undefined],
    ["nothing", "", undefined],
    ["nested without end", "d1:m" + "l".repeat(10_000), undefined],
  ])("%s", (_why, payload, expected) => {
    expect(parseMetadataId(Buffer.from(payload, "latin1"))).toEqual(expected);
  });
});

describe("parseMetadataRequest", () => {
  test.each<[string, string, number | undefined]>([
    ["the first", "d8:msg_typei0e5:piecei0ee", 0],
    ["another", "d8:msg_typei0e5:piecei79ee", 79],
    ["below zero", "d8:msg_typei0e5:piecei-1ee", undefined],
    ["a piece", "d8:msg_typei1e5:piecei0e10:total_sizei3eeabc", undefined],
    ["a rejection", "d8:msg_typei2e5:piecei0ee", undefined],
    ["no piece", "d8:msg_typei0ee", undefined],
    ["no type", "d5:piecei0ee", undefined],
    ["garbage", "i", undefined],
  ])("%s", (_why, payload, expected) => {
    expect(parseMetadataRequest(Buffer.from(payload))).toEqual(expected);
  });
});

describe("encodeMetadataPiece", () => {
  const info = Buffer.alloc(20_000, "x");
  test.each<[string, number, string]>([
    ["the first", 0, `d8:msg_typei1e5:piecei0e10:total_sizei20000ee${"x".repeat(16_384)}`],
    ["the last", 1, `d8:msg_typei1e5:piecei1e10:total_sizei20000ee${"x".repeat(3616)}`],
    ["behind it", 2, "d8:msg_typei2e5:piecei2ee"],
    ["far behind it", 2 ** 40, "d8:msg_typei2e5:piecei1099511627776ee"],
  ])("%s", (_why, piece, expected) => {
    expect(Buffer.from(encodeMetadataPiece(info, piece)).toString()).toEqual(expected);
  });
});
