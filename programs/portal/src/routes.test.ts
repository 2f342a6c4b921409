import assert from "node:assert/strict";
import { test } from "node:test";
import { formatRoute, home, parseRoute, type Route } from "./routes.ts";

test("addresses that say nothing lead to the top folder", () => {
  for (const path of ["", "/", "/nowhere", "/search/", "/search/%20", "//", "/%E0%A4%A"])
    assert.deepEqual(parseRoute(path), home);
});

test("every place survives being written and read", () => {
  const routes: readonly Route[] = [
    home,
    { screen: "files", folder: "a1b2" },
    { screen: "files", folder: "a1b2", details: "c3" },
    { screen: "search", query: "50% off/ä?#&" },
    { screen: "search", query: "x", details: "c3" },
    { screen: "trash" },
    { screen: "apps" },
    { screen: "app", id: "uptime-kuma" },
    { screen: "catalog" },
    { screen: "catalogs" },
    { screen: "app-trash" },
    { screen: "network" },
    { screen: "security" },
    { screen: "security", part: "re-key" },
    { screen: "settings" },
    { screen: "recover" },
  ];
  for (const route of routes) assert.deepEqual(parseRoute(formatRoute(route)), route);
});
