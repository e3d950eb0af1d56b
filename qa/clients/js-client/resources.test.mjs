// Every function of the Resources API, called by the JS client over its own connection, with its own time to live.
// RELAYS: a JSON list of { peer_id, ws }, the nodes of a network.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createClient } from "@fluencelabs/js-client";
import { load } from "./compile.mjs";

const relays = JSON.parse(process.env.RELAYS);
const ALL = 20;
const limit = { timeout: 60_000 };

let api, owner, guest;

before(async () => {
  api = await load("everything.aqua");
  owner = await createClient(relays[0].ws);
  guest = await createClient(relays[1].ws);
}, { timeout: 180_000 });

after(async () => {
  await Promise.all([owner, guest].filter(Boolean).map((client) => client.disconnect()));
});

// The first result of a call that must have no errors.
async function clean(call) {
  const result = await call;
  const [value, errors] = [result[0], result.at(-1)];
  assert.deepEqual(errors, []);
  return value;
}

// What is written is at one node when the call returns, and at all soon after.
async function eventually(read, expected) {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const found = await read();
    try {
      assert.deepEqual(found, expected);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await pause(50);
  }
}

const ids = (records) => records.map((record) => record.peer_id).sort();
const peers = async (id) => ids(await clean(api.resolveProviders(guest, id, ALL)));
const sorted = (...peers) => peers.sort();

test("a resource is created, computed and read", limit, async () => {
  const id = await clean(api.createResource(owner, "created"));
  assert.equal(await api.getResourceId(guest, "created", owner.getPeerId()), id);
  const resource = await clean(api.getResource(guest, id));
  assert.equal(resource.label, "created");
  assert.equal(resource.owner_peer_id, owner.getPeerId());
});

test("a client registers, is found with all that it said, and unregisters", limit, async () => {
  const id = await clean(api.createResource(owner, "client"));
  assert.equal(await clean(api.registerProvider(guest, id, "value", "greeter")), true);
  await eventually(() => peers(id), [guest.getPeerId()]);
  const [record] = await clean(api.resolveProviders(owner, id, ALL));
  assert.equal(record.key_id, id);
  assert.equal(record.value, "value");
  assert.equal(record.set_by, guest.getPeerId());
  assert.deepEqual(record.relay_id, [relays[1].peer_id]);
  assert.deepEqual(record.service_id, ["greeter"]);
  assert.equal(await clean(api.unregisterService(guest, id, guest.getPeerId())), true);
  await eventually(() => peers(id), []);
});

test("a node is registered and removed", limit, async () => {
  const node = relays[2].peer_id;
  const id = await clean(api.createResource(owner, "node"));
  assert.equal(await clean(api.registerNodeProvider(owner, node, id, "value", null)), true);
  await eventually(() => peers(id), [node]);
  assert.equal(await clean(api.removeNodeFromProviders(owner, node, id)), true);
  await eventually(() => peers(id), []);
});

test("a resource is created together with its first provider", limit, async () => {
  const own = await clean(api.createResourceAndRegisterProvider(owner, "own", "value", null));
  await eventually(() => peers(own), [owner.getPeerId()]);
  const node = relays[2].peer_id;
  const nodes = await clean(api.createResourceAndRegisterNodeProvider(owner, node, "of a node", "value", null));
  await eventually(() => peers(nodes), [node]);
});

test("registerService takes the client itself or a node, resolveResource tells an empty room from none", limit, async () => {
  const id = await clean(api.createResource(owner, "both"));
  assert.deepEqual(await clean(api.resolveResource(guest, id, ALL)), []);
  const node = relays[2].peer_id;
  for (const peer of [owner.getPeerId(), node]) {
    assert.equal(await clean(api.registerService(owner, id, "value", peer, null)), true);
  }
  await eventually(() => peers(id), sorted(owner.getPeerId(), node));
  const unknown = await api.getResourceId(guest, "unknown", owner.getPeerId());
  const [records, errors] = await api.resolveResource(guest, unknown, ALL);
  assert.equal(records, null);
  assert.match(errors.join("\n"), /is not known here/);
});

test("providers are called, all at once, and only if the resource is there", limit, async () => {
  const id = await clean(api.createResource(owner, "called"));
  for (const [client, name] of [[owner, "owner"], [guest, "guest"]]) {
    api.registerGreeter(client, "greeter", { greet: (you) => `${name} greets ${you}` });
    assert.equal(await clean(api.registerProvider(client, id, name, "greeter")), true);
  }
  await eventually(async () => (await clean(api.greetAll(guest, id, ALL, "you"))).sort(), [
    "guest greets you",
    "owner greets you",
  ]);
  const [there, greetings, errors] = await api.greetAllIfThere(guest, id, ALL, "you");
  assert.deepEqual([there, greetings.length, errors], [true, 2, []]);
  const unknown = await api.getResourceId(guest, "unknown", owner.getPeerId());
  const [isThere, none] = await api.greetAllIfThere(guest, unknown, 1, "you");
  assert.deepEqual([isThere, none], [false, []]);
});

test("a provider that is gone is told of in time, and the others are called", limit, async () => {
  const id = await clean(api.createResource(owner, "gone"));
  const gone = await createClient(relays[2].ws);
  const peer = gone.getPeerId();
  for (const client of [guest, gone]) {
    api.registerGreeter(client, "greeter", { greet: (you) => `greets ${you}` });
    assert.equal(await clean(api.registerProvider(client, id, "value", "greeter")), true);
  }
  await eventually(() => peers(id), sorted(guest.getPeerId(), peer));
  await gone.disconnect();
  const [greetings, errors] = await api.greetAll(guest, id, 1, "you");
  assert.deepEqual(greetings, ["greets you"]);
  assert.equal(errors.filter((error) => error.startsWith(peer)).length, 1, errors.join("\n"));
});

test("what does not exist is an error, not a silence", limit, async () => {
  const unknown = await api.getResourceId(guest, "unknown", owner.getPeerId());
  const none = [
    [await api.getResource(guest, unknown), null],
    [await api.registerProvider(guest, unknown, "value", null), false],
    [await api.resolveProviders(guest, unknown, ALL), []],
  ];
  for (const [[value, errors], expected] of none) {
    assert.deepEqual(value, expected);
    assert.match(errors.join("\n"), /is not known here/);
  }
  const [created, errors] = await api.createResource(owner, "x".repeat(600));
  assert.equal(created, null);
  assert.match(errors.join("\n"), /at most 512/);
});
