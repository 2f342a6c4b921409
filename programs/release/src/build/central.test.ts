import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../config.ts";
import { parseCentral } from "./central.ts";

test("a central that is no origin, or can be listened to on its way, is refused", () => {
  const wrong = [
    "",
    "central.example.org",
    "ftp://central.example.org",
    "https://central.example.org/path",
    "https://central.example.org?query",
    "https://central.example.org#pin",
    "https://user:password@central.example.org",
    "http://central.example.org",
    "http://192.0.2.1:8700",
    "http://8.8.8.8",
    "http://[fd00::1]:8700",
    "http://10.0.2.2.example.org",
  ];
  for (const text of wrong) assert.throws(() => parseCentral(text), UsageError, text);
});

test("an origin stays what it is, and a laboratory's may do without HTTPS", () => {
  for (const origin of ["https://central.example.org", "https://central.example.org:8443", "http://10.0.2.2:18700"]) {
    assert.equal(parseCentral(origin), origin);
    assert.equal(parseCentral(`${origin}/`), origin);
  }
});
