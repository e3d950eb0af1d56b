// The JavaScript of the package, with a dead node in every neighbourhood: an answer or an error, in time.
// RELAYS: a JSON list of { peer_id, ws }; DEAD: the peer id of the node that is dead.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  call,
  callOne,
  connect,
  createOpenResource,
  createResource,
  DIRECTORY,
  openResourceId,
  provide,
  registerNode,
  registerOpenNode,
  RegistryError,
  resolveAlive,
  resolveProviders,
  resolveThrough,
  unregister,
  watchProviders,
} from "@fluencelabs/registry";

const relays = JSON.parse(process.env.RELAYS);
const dead = relays.find(({ peer_id }) => peer_id === process.env.DEAD);
const living = relays.find((relay) => relay !== dead);
const ALL = 20;
const limit = { timeout: 60_000 };

let connection, id, provided;

// The time of a call of the JS client, and a second for a machine that has other work.
async function inTime(promise) {
  assert.equal(connection.ttlMs, 7_000);
  const began = Date.now();
  try {
    return await promise;
  } finally {
    const took = Date.now() - began;
    assert.ok(took < 8_000, `${took} ms`);
  }
}

const names = (dead) => (error) => {
  assert.ok(error instanceof RegistryError);
  assert.ok(error.errors.some(({ peerId }) => peerId === dead.peer_id), error.message);
  return true;
};

before(async () => (connection = await connect([dead.ws, living.ws])), { timeout: 60_000 });

after(() => connection?.close());

test("a relay that is dead is passed over", () => {
  assert.equal(connection.relayId, living.peer_id);
});

test("what is created and provided is found at the others", limit, async () => {
  ({ id } = await createResource("faults"));
  const service = { id: "greeter", functions: { greet: (you) => `greets ${you}` } };
  provided = await provide({ resource: id, value: "here", service });
  const found = await resolveProviders(id, { ack: ALL });
  assert.deepEqual(found.map(({ peerId }) => peerId), [connection.peerId]);
});

test("providers are called and watched", limit, async () => {
  const results = [];
  for await (const { result } of call(id, null, "greet", ["you"])) results.push(result);
  assert.deepEqual(results, ["greets you"]);
  assert.equal((await callOne(id, null, "greet", ["one"])).result, "greets one");
  const stop = new AbortController();
  const told = [];
  const tell = ({ added }) => {
    told.push(...added.map(({ value }) => value));
    stop.abort();
  };
  await watchProviders(id, tell, { signal: stop.signal });
  assert.deepEqual(told, ["here"]);
});

test("the dead node does not become a provider, and the error names it", limit, async () => {
  await assert.rejects(registerNode(id, dead.peer_id, "dead"), names(dead));
  await assert.rejects(inTime(registerOpenNode("open faults", dead.peer_id, "dead")), names(dead));
});

test("an open name is created and provided for a time, found and called", limit, async () => {
  const open = await openResourceId("open faults");
  assert.deepEqual(await inTime(createOpenResource("open faults")), { id: open });
  const service = { id: "open greeter", functions: { greet: (you) => `greets ${you}` } };
  const leased = await inTime(provide({ open: "open faults", value: "for a minute", service }, { leaseSec: 60 }));
  assert.equal(leased.resource, open);
  const found = await inTime(resolveProviders(open, { ack: ALL }));
  assert.deepEqual(found.map(({ value }) => value), ["for a minute"]);
  const results = [];
  for await (const { result } of call(open, null, "greet", ["you"])) results.push(result);
  assert.deepEqual(results, ["greets you"]);
  assert.equal((await inTime(callOne(open, null, "greet", ["one"]))).result, "greets one");
  await leased.close();
});

test("who is there is found, and the dead node is named where all are asked", limit, async () => {
  const one = await inTime(resolveAlive(id));
  assert.deepEqual(one.providers.map(({ peerId }) => peerId), [connection.peerId]);
  const all = await inTime(resolveAlive(id, { ack: ALL }));
  assert.deepEqual(all.providers.map(({ peerId }) => peerId), [connection.peerId]);
  assert.ok(all.leftOut.some(({ peerId }) => peerId === dead.peer_id), JSON.stringify(all.leftOut));
});

test("what a directory lists is found, and the dead node is named where all are asked", limit, async () => {
  const { id: crowded } = await createResource("crowded faults");
  const listed = (number) => ({
    key_id: crowded, value: `provider ${number}`, peer_id: living.peer_id, set_by: living.peer_id, relay_id: [], service_id: [`${number}`],
    timestamp_created: 1_700_000_000, solution: [], signature: Array(64).fill(7),
  });
  const records = Array.from({ length: 40 }, (_, number) => listed(number));
  const service = { id: "directory", functions: { get_page: (_, page) => ({ records: page === 0 ? records : [], left_out: [] }) } };
  const directory = await provide({ resource: crowded, value: DIRECTORY, service }, { leaseSec: 60 });
  assert.equal((await inTime(resolveThrough(crowded))).providers.length, 40);
  const all = await inTime(resolveThrough(crowded, { ack: ALL }));
  assert.equal(all.providers.length, 40);
  assert.ok(all.leftOut.some(({ peerId }) => peerId === dead.peer_id), JSON.stringify(all.leftOut));
  await directory.close();
});

test("who has too few answers is told who is missing", limit, async () => {
  await provided.close();
  assert.deepEqual(await resolveProviders(id), []);
  await assert.rejects(resolveProviders(id, { ack: ALL }), (error) => error instanceof RegistryError && error.message.includes(dead.peer_id));
  await assert.rejects(unregister(id, "bob"), RegistryError);
});
