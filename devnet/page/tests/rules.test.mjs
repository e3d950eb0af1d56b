// What the page computes, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** A file of src as a module that Node.js can load. */
async function load(file) {
  const entry = fileURLToPath(new URL(`../src/${file}`, import.meta.url));
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: "esm", platform: "neutral", write: false });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}

const { spread, point } = await load("ring.ts");
const { copiesOf } = await load("copies.ts");
const { empty, hashOf, HAPPENINGS_KEPT, routeOf, Store } = await load("state.ts");
const { bytes, short, span } = await load("format.ts");
const { line } = await load("chart.tsx");

const apart = (a, b) => Math.min((a - b + 2) % 1, (b - a + 2) % 1);
const near = (a, b) => assert.ok(apart(a, b) < 1e-9, `${a} is not ${b}`);

test("nodes with room stay where they are", () => {
  const places = [0.9, 0.1, 0.5];
  spread(places, 0.05).forEach((place, index) => near(place, places[index]));
});

test("nodes that lie on each other move apart around their middle, over the top of the ring too", () => {
  const [a, b] = spread([0.999, 0.001], 0.1);
  near(a, 0.95);
  near(b, 0.05);
});

test("wherever nodes lie, each has its room and nobody overtakes another", () => {
  let seed = 20251126;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let round = 0; round < 200; round++) {
    const count = 1 + Math.floor(random() * 60);
    const width = random();
    const places = Array.from({ length: count }, () => (random() * width + 0.8) % 1);
    const room = 0.9 / 60;
    const moved = spread(places, room);
    const sorted = [...moved].sort((a, b) => a - b);
    sorted.forEach((place, index) => {
      if (count > 1) assert.ok(apart(place, sorted[(index + 1) % count]) > room - 1e-9, `seed 20251126, round ${round}`);
    });
    const order = (list) => list.map((_, i) => i).sort((a, b) => list[a] - list[b] || a - b);
    const [before, after] = [order(places), order(moved)];
    const turn = after.indexOf(before[0]);
    assert.deepEqual([...after.slice(turn), ...after.slice(0, turn)], before, `seed 20251126, round ${round}`);
  }
});

test("where there is no room for all, they are spread evenly", () => {
  const sorted = spread([0.1, 0.1, 0.1, 0.1], 0.5).sort((a, b) => a - b);
  sorted.forEach((place, index) => near(apart(place, sorted[(index + 1) % 4]), 0.25));
});

test("position 0 is at the top, a quarter is on the right", () => {
  assert.deepEqual(point(0, 40), { x: 50, y: 10 });
  assert.ok(Math.abs(point(0.25, 40).x - 90) < 1e-9);
});

const record = (peer_id, issued_at, more = {}) => ({
  peer_id, issuer: "owner", service_id: null, value: peer_id, relay_id: null, issued_at, signed_at: issued_at, signature: "valid", ...more,
});
const holder = (peer_id, records, more = {}) => ({
  peer_id, position: 0, is_neighbour: true, error: null, took_ms: null, clock_ahead_ms: 0, created_at: 1, partial: false, tombstones: [], records, ...more,
});
const resource = (...nodes) => ({ id: "id", at_ms: 0, position: 0, label: "chat", owner_peer_id: "owner", nodes });

test("the latest record of an identity is what there is, and who has an older one is told from who has none", () => {
  const [a, b, c] = [holder("a", [record("p", 2)]), holder("b", [record("p", 1)]), holder("c", [])];
  const copies = copiesOf(resource(a, b, c));
  assert.deepEqual(copies.records.map(({ issued_at, heldBy }) => [issued_at, heldBy]), [[2, 1]]);
  assert.deepEqual([a, b, c].map((node) => copies.cell(node, copies.records[0])), ["latest", "older", "missing"]);
  assert.deepEqual([a, b, c].map(copies.holding), ["all", "some", "some"]);
});

test("each copy tells whether it is signed, whatever the others are", () => {
  const [a, b] = [holder("a", [record("p", 1)]), holder("b", [record("p", 1, { signature: "missing", signed_at: null })])];
  const copies = copiesOf(resource(a, b));
  assert.equal(copies.records[0].signature, "valid");
  assert.deepEqual([a, b].map((node) => copies.copy(node, copies.records[0]).signature), ["valid", "missing"]);
});

test("a tombstone anywhere takes what was issued until then away, and nothing later", () => {
  const voids = { tombstones: [{ peer_id: "p", issuer: "owner", issued_at: 5 }] };
  const at = (issued) => copiesOf(resource(holder("a", [record("p", issued)]), holder("b", [], voids))).records.length;
  assert.deepEqual([at(5), at(6)], [0, 1]);
});

test("two services of a provider are two records, nodes outside count for no neighbour", () => {
  const copies = copiesOf(resource(
    holder("a", [record("p", 1, { service_id: "x" }), record("p", 1, { service_id: "y" })]),
    holder("b", [record("p", 1, { service_id: "x" })], { is_neighbour: false }),
  ));
  assert.deepEqual(copies.records.map(({ service_id, heldBy }) => [service_id, heldBy]), [["x", 1], ["y", 1]]);
});

test("who may lack some says so, and who knows nothing holds nothing", () => {
  const copies = copiesOf(resource(holder("a", [record("p", 1)], { partial: true }), holder("b", [], { created_at: null })));
  assert.equal(copies.holding(holder("a", [record("p", 1)], { partial: true })), "partial");
  assert.equal(copies.holding(holder("b", [], { created_at: null })), "none");
  assert.equal(copies.holding(undefined), "none");
});

test("a provider that registers anew keeps its place", () => {
  const order = (...records) => copiesOf(resource(holder("a", records))).records.map(({ peer_id }) => peer_id);
  assert.deepEqual(order(record("p 10", 1), record("p 9", 2)), ["p 9", "p 10"]);
  assert.deepEqual(order(record("p 10", 3), record("p 9", 2)), ["p 9", "p 10"]);
});

test("an address says what is shown, and what it cannot say is the beginning", () => {
  for (const route of [{ at: "node", node: 3 }, { at: "resource", id: "a b/c" }, { at: "resource", id: null }]) {
    assert.deepEqual(routeOf(hashOf(route)), route);
  }
  for (const hash of ["", "#/node/x", "#/resource/%", "#/node/99999", "#/else"]) assert.deepEqual(routeOf(hash), { at: "resource", id: null });
});

test("however much changes, it is drawn once a frame; what comes again is not shown twice, and not all is kept", () => {
  const frames = [];
  const store = new Store(empty({ at: "resource", id: null }, false, 0), (run) => frames.push(run));
  let drawn = 0;
  store.listen(() => drawn++);
  for (let i = 0; i < HAPPENINGS_KEPT + 5; i++) store.happened({ id: `${i}` });
  store.happened({ id: "100" });
  assert.equal(frames.length, 1);
  frames[0]();
  assert.equal(drawn, 1);
  assert.equal(store.state.happenings.length, HAPPENINGS_KEPT);
  assert.equal(store.state.happenings.at(-1).id, `${HAPPENINGS_KEPT + 4}`);
});

test("figures are short", () => {
  assert.deepEqual([0, 59, 60, 3_600, 90_000].map(span), ["0 s", "59 s", "1 min", "1 h", "1 d"]);
  assert.deepEqual([1_023, 1_024, 20_480, 5_000_000].map(bytes), ["1023 B", "1.0 KiB", "20 KiB", "4.8 MiB"]);
  assert.equal(short("12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB"), "…dBfeSB");
});

test("a chart has a gap where a node did not run", () => {
  const at = (at_ms) => ({ at_ms });
  const history = [0, 2, 4, 6, 8, 10, 12, 60, 62, 64].map(at);
  assert.equal(line(history, history.map((_, i) => i)).split("M").length - 1, 2);
  assert.equal(line([at(0)], [1]), "");
});
