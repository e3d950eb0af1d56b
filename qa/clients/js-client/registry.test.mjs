// The JavaScript of the package, as an application uses it. RELAYS: a JSON list of { peer_id, ws }.

import assert from "node:assert/strict";
import { createConnection, createServer } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
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
  resourceId,
  unregister,
  watchProviders,
} from "@fluencelabs/registry";
// No part of what the package exports.
import { renewalMs } from "./node_modules/@fluencelabs/registry/dist/renewal.js";
import { gather } from "./node_modules/@fluencelabs/registry/dist/through.js";

const relays = JSON.parse(process.env.RELAYS);
const ALL = 20;
const limit = { timeout: 90_000 };

let owner, guest;

before(async () => {
  owner = await connect(relays[0].ws);
  guest = await connect([relays[1].ws, relays[2].ws]);
}, { timeout: 60_000 });

after(() => Promise.all([owner?.close(), guest?.close()]));

const as = (connection, options) => ({ connection, ...options });
const peersOf = async (id) =>
  (await resolveProviders(id, as(owner, { ack: ALL }))).map(({ peerId }) => peerId).sort();

async function eventually(read, expected) {
  const deadline = Date.now() + 20_000;
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

async function answers(calls) {
  const all = [];
  for await (const answer of calls) all.push(answer);
  return all;
}

test("a resource is created, and its id is what everybody computes", limit, async () => {
  const { id } = await createResource("created", as(owner));
  assert.equal(await resourceId("created", owner.peerId, as(guest)), id);
  assert.deepEqual(await resolveProviders(id, as(guest)), []);
});

test("who provides is found with all that it said, until it is closed", limit, async () => {
  const { id } = await createResource("provided", as(owner));
  const provided = await provide({ resource: id, value: "a value", service: "mine" }, as(guest));
  assert.equal(provided.resource, id);
  await eventually(() => peersOf(id), [guest.peerId]);
  const [found] = await resolveProviders(id, as(owner, { ack: ALL }));
  assert.equal(found.value, "a value");
  assert.equal(found.serviceId, "mine");
  assert.equal(found.relayId, guest.relayId);
  assert.equal(found.setBy, guest.peerId);
  assert.ok(Math.abs(found.registeredAt - Date.now()) < 60_000, found.registeredAt);
  assert.equal(found.signature.length, 64);
  await provided.close();
  await eventually(() => peersOf(id), []);
});

test("whoever provides is registered anew before it ends, until it is closed", limit, async () => {
  const { id } = await createResource("renewed", as(owner));
  const provided = await provide({ resource: id, value: "renewed" }, as(guest, { renewEveryMs: 1_000 }));
  const registeredAt = async () => Number((await resolveProviders(id, as(owner, { ack: ALL })))[0].registeredAt);
  const first = await registeredAt();
  await eventually(async () => (await registeredAt()) > first, true);
  await provided.close();
  await pause(1_500);
  assert.deepEqual(await peersOf(id), []);
});

test("a label of the client's own is a resource with its first provider", limit, async () => {
  const provided = await provide({ label: "own", value: "first" }, as(owner));
  assert.equal(provided.resource, await resourceId("own", owner.peerId, as(owner)));
  await eventually(() => peersOf(provided.resource), [owner.peerId]);
  await provided.close();
});

test("a node is registered and removed", limit, async () => {
  const { id } = await createResource("node", as(owner));
  const node = relays[3].peer_id;
  await registerNode(id, node, "a node", null, as(owner));
  await eventually(() => peersOf(id), [node]);
  await unregister(id, node, as(owner));
  await eventually(() => peersOf(id), []);
});

test("one who hangs delays nobody, and is an error when its time is over", limit, async () => {
  const { id } = await createResource("called", as(owner));
  const greet = (name) => ({ id: "greeter", functions: { greet: (you, mark) => `${name} greets ${you}${mark}` } });
  const hangs = { id: "greeter", functions: { greet: () => new Promise(() => {}) } };
  const one = await provide({ resource: id, value: "owner", service: greet("owner") }, as(owner));
  const other = await provide({ resource: id, value: "guest", service: hangs }, as(guest));
  await eventually(() => peersOf(id), [owner.peerId, guest.peerId].sort());

  const began = Date.now();
  let first;
  const all = [];
  for await (const answer of call(id, null, "greet", ["you", "!"], as(owner, { ttlMs: 4_000 }))) {
    first ??= Date.now() - began;
    all.push(answer);
  }
  assert.ok(first < 3_000, `the first answer after ${first} ms`);
  assert.equal(all.length, 2);
  assert.equal(all[0].result, "owner greets you!");
  assert.equal(all[1].provider.peerId, guest.peerId);
  assert.ok(all[1].error instanceof RegistryError);
  await Promise.all([one.close(), other.close()]);
});

test("an error of a provider has its text", limit, async () => {
  const fails = { id: "fails", functions: { fail: () => Promise.reject(new Error("no mood")), none: () => {} } };
  const provided = await provide({ label: "fails", value: "", service: fails }, as(owner));
  const [failed] = await answers(call(provided.resource, "fails", "fail", [], as(guest)));
  assert.match(failed.error.message, /no mood/);
  assert.doesNotMatch(failed.error.message, /ret_code/);
  const [none] = await answers(call(provided.resource, "fails", "none", [], as(guest)));
  assert.equal(none.result, null);
  await assert.rejects(answers(call(provided.resource, "fails", 'fail" ', [], as(guest))), TypeError);
  await provided.close();
});

test("what changes among the providers is told, once", limit, async () => {
  const { id } = await createResource("watched", as(owner));
  const stop = new AbortController();
  const told = [];
  const watching = watchProviders(id, (change) => told.push(change), as(owner, { everyMs: 200, signal: stop.signal, ack: ALL }));
  await eventually(() => told.length, 1);
  const provided = await provide({ resource: id, value: "here" }, as(guest));
  await eventually(() => told.at(-1).added.map(({ peerId }) => peerId), [guest.peerId]);
  await provided.close();
  await eventually(() => told.at(-1).gone.map(({ peerId }) => peerId), [guest.peerId]);
  stop.abort();
  await watching;
  assert.equal(told.length, 3);
  assert.deepEqual(told.map(({ providers }) => providers.length), [0, 1, 0]);
});

test("what does not exist is an error with the text of every node", limit, async () => {
  const unknown = await resourceId("unknown", owner.peerId, as(owner));
  for (const attempt of [
    () => resolveProviders(unknown, as(guest, { ack: ALL })),
    () => provide({ resource: unknown, value: "" }, as(guest)),
    () => answers(call(unknown, "any", "thing", [], as(guest))),
  ]) {
    await assert.rejects(attempt, (error) => {
      assert.ok(error instanceof RegistryError);
      assert.match(error.message, /is not known here/);
      assert.ok(error.errors.length > 0);
      return true;
    });
  }
  await assert.rejects(createResource("x".repeat(600), as(owner)), /at most 512/);
  await assert.rejects(resourceId("label", "bob", as(owner)), RegistryError);
});

// A way to a relay that can be cut.
async function way(to) {
  const sockets = new Set();
  const port = Number(/tcp\/(\d+)/.exec(to)[1]);
  const server = createServer((client) => {
    const relay = createConnection(port, "127.0.0.1");
    for (const socket of [client, relay]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
    }
    client.pipe(relay).pipe(client);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const address = to.replace(/tcp\/\d+/, `tcp/${server.address().port}`);
  const cut = () => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  };
  return { address, cut };
}

test("a provider whose relay is gone comes back on another one, with its services", limit, async () => {
  const { id } = await createResource("moves", as(owner));
  const { address, cut } = await way(relays[2].ws);
  const moving = await connect([address, relays[3].ws], { ttlMs: 3_000 });
  const service = { id: "echo", functions: { echo: (text) => text } };
  const provided = await provide({ resource: id, value: "moves", service }, as(moving, { checkEveryMs: 500 }));
  assert.equal(moving.relayId, relays[2].peer_id);
  const peerId = moving.peerId;
  cut();
  await eventually(
    async () => (await resolveProviders(id, as(owner, { ack: ALL }))).map(({ relayId }) => relayId),
    [relays[3].peer_id],
  );
  assert.equal(moving.peerId, peerId);
  const [answer] = await answers(call(id, "echo", "echo", ["still here"], as(owner)));
  assert.equal(answer.result, "still here");
  await provided.close();
  await moving.close();
});

test("without a relay that answers there is no connection, and the error says which were tried", limit, async () => {
  const nobody = relays[0].ws.replace(/tcp\/\d+/, "tcp/9");
  await assert.rejects(connect(nobody, { ttlMs: 2_000 }), (error) => {
    assert.ok(error instanceof RegistryError);
    assert.ok(error.message.includes(nobody), error.message);
    return true;
  });
});

test("an open name is found by its label, and belongs to nobody", limit, async () => {
  const id = await openResourceId("chat", as(owner));
  assert.equal(id, "7YAjq7JRWbhYJvJkP5U4DMzPci2zJqiWnztPnU35h9Z7");
  assert.deepEqual(await createOpenResource("chat", as(guest)), { id });
  const one = await provide({ open: "chat", value: "owner" }, as(owner));
  const other = await provide({ open: "chat", value: "guest" }, as(guest, { leaseSec: 60 }));
  assert.equal(one.resource, id);
  const node = relays[3].peer_id;
  await registerOpenNode("chat", node, "a node", null, as(owner));
  await eventually(() => peersOf(id), [owner.peerId, guest.peerId, node].sort());
  const times = await answers(call(id, "peer", "timestamp_sec", [], as(owner, { ack: ALL })));
  assert.deepEqual(times.map(({ provider }) => provider.peerId).sort(), [owner.peerId, guest.peerId, node].sort());
  const ofNode = times.find(({ provider }) => provider.peerId === node);
  assert.ok(Math.abs(ofNode.result * 1_000 - Date.now()) < 60_000, JSON.stringify(ofNode));
  await Promise.all([one.close(), other.close(), unregister(id, node, as(owner))]);
  await eventually(() => peersOf(id), []);
  await assert.rejects(createOpenResource("", as(owner)), /the label is empty/);
  await assert.rejects(openResourceId("x".repeat(600), as(owner)), RegistryError);
});

test("a registration is to be renewed at a third of its lease or of a day, unless it is said how often", () => {
  assert.equal(renewalMs({ leaseSec: 60 }), 20_000);
  assert.equal(renewalMs({ leaseSec: 86_400 }), 8 * 3_600_000);
  assert.equal(renewalMs({}), 8 * 3_600_000);
  assert.equal(renewalMs({ leaseSec: 60, renewEveryMs: 300 }), 300);
  assert.equal(renewalMs({ renewEveryMs: 300 }), 300);
});

test("a lease is renewed as often as is said, and its limits are told", limit, async () => {
  const { id } = await createResource("leased", as(owner));
  const provided = await provide({ resource: id, value: "v" }, as(guest, { leaseSec: 60, renewEveryMs: 300 }));
  const first = async () => (await resolveProviders(id, as(owner, { ack: ALL })))[0]?.registeredAt.getTime();
  const began = await first();
  const deadline = Date.now() + 20_000;
  while (!((await first()) > began)) assert.ok(Date.now() < deadline, "it was not renewed");
  await provided.close();
  await assert.rejects(provide({ resource: id, value: "v" }, as(guest, { leaseSec: 59 })), /a lease of 59 s is outside 60..=86400 s/);
  await assert.rejects(provide({ resource: id, open: "both", value: "v" }, as(guest)), TypeError);
});

test("who is not there is left out, and one of those who are does the work", limit, async () => {
  const { id } = await createResource("alive", as(owner));
  const gone = await connect(relays[2].ws);
  const works = { id: "greeter", functions: { greet: (you) => `greets ${you}` } };
  const fails = { id: "greeter", functions: { greet: () => { throw new Error("no mood"); } } };
  const handles = [
    await provide({ resource: id, value: "works", service: works }, as(owner)),
    await provide({ resource: id, value: "fails", service: fails }, as(guest)),
    await provide({ resource: id, value: "gone", service: works }, as(gone, { checkEveryMs: 600_000 })),
  ];
  await eventually(() => peersOf(id), [owner.peerId, guest.peerId, gone.peerId].sort());
  const left = gone.peerId;
  await gone.close();
  const alive = async () => (await resolveAlive(id, as(owner))).providers.map(({ peerId }) => peerId).sort();
  await eventually(alive, [owner.peerId, guest.peerId].sort());
  const { leftOut } = await resolveAlive(id, as(owner));
  assert.ok(leftOut.some(({ peerId, text }) => peerId === left && /not connected/.test(text)), JSON.stringify(leftOut));
  for (let turn = 0; turn < 3; turn++) {
    const { provider, result } = await callOne(id, "greeter", "greet", ["you"], as(owner));
    assert.deepEqual([provider.value, result], ["works", "greets you"]);
  }
  await unregister(id, undefined, as(owner));
  await assert.rejects(callOne(id, "greeter", "greet", ["you"], as(owner, { ack: ALL })), /no mood/);
  await Promise.allSettled(handles.map((handle) => handle.close()));
});

test("where three providers hang, the call of one ends within its time and names them", limit, async () => {
  const { id } = await createResource("hangs", as(owner));
  const third = await connect(relays[2].ws);
  const all = [owner, guest, third];
  const service = { id: "greeter", functions: { greet: () => new Promise(() => {}) } };
  const handles = await Promise.all(all.map((each) => provide({ resource: id, value: "", service }, as(each))));
  const peers = all.map(({ peerId }) => peerId).sort();
  await eventually(() => peersOf(id), peers);
  const caller = await connect(relays[3].ws);
  assert.equal(caller.ttlMs, 7_000);
  const began = Date.now();
  await assert.rejects(callOne(id, null, "greet", ["you"], as(caller, { ack: 3 })), (error) => {
    assert.ok(error instanceof RegistryError);
    assert.deepEqual(error.errors.map(({ peerId }) => peerId).sort(), peers, error.message);
    assert.ok(error.errors.every(({ text }) => text.includes("expired")), error.message);
    return true;
  });
  const took = Date.now() - began;
  assert.ok(took < 8_000, `${took} ms`);
  await Promise.allSettled(handles.map((handle) => handle.close()));
  await Promise.all([third.close(), caller.close()]);
});

test("a resource that nobody knows is an error, and one without providers is none", limit, async () => {
  const { id } = await createResource("without", as(owner));
  const unknown = await resourceId("unknown", owner.peerId, as(owner));
  for (const resolve of [resolveAlive, resolveThrough]) {
    assert.deepEqual(await resolve(id, as(owner)), { providers: [], leftOut: [] });
    await assert.rejects(resolve(unknown, as(owner)), (error) => error instanceof RegistryError && /is not known here/.test(error.message));
  }
});

test("of more than 10,000 listed providers the rest is counted, and a newer record has its place", () => {
  const record = (number, timestamp_created) => ({
    key_id: "k", value: `${timestamp_created}`, peer_id: `${number}`, set_by: "i", relay_id: [], service_id: [],
    timestamp_created, solution: [], signature: [],
  });
  const list = Array.from({ length: 10_003 }, (_, number) => record(number, 1));
  const { providers, leftOut } = gather("k", [[], list, [record(7, 2), record(7, 1)]], []);
  assert.equal(providers.length, 10_000);
  assert.equal(providers.find(({ peerId }) => peerId === "7").value, "2");
  assert.deepEqual(leftOut, [{ peerId: null, text: "3 listed providers are left out beyond the first 10,000" }]);
});

test("more than 32 are found through directories, each once, and what is left out is said", limit, async () => {
  const { id } = await createResource("crowded", as(owner));
  const record = (number) => ({
    key_id: id, value: `provider ${number}`, peer_id: owner.peerId, set_by: owner.peerId, relay_id: [], service_id: [`${number}`],
    timestamp_created: 1_700_000_000, solution: [], signature: Array(64).fill(7),
  });
  const directory = (from, count, ...more) => ({
    id: `directory-${from}`,
    functions: {
      get_page: (_, page) => ({
        records: page === 0 ? [...Array.from({ length: count }, (_, n) => record(from + n)), ...more] : [],
        left_out: [],
      }),
    },
  });
  const other = await resourceId("another", owner.peerId, as(owner));
  // A newer record and an older one of those that the other directory lists, one of another resource, two directories.
  const more = [
    { ...record(0), value: "newer", timestamp_created: 1_700_000_001 },
    { ...record(1), value: "older", timestamp_created: 1_600_000_000 },
    { ...record(1_000), key_id: other },
    { ...record(1_001), value: DIRECTORY },
    { ...record(1_002), value: DIRECTORY },
  ];
  const gone = await connect(relays[2].ws);
  const handles = [
    await provide({ resource: id, value: DIRECTORY, service: directory(0, 200) }, as(owner)),
    await provide({ resource: id, value: DIRECTORY, service: directory(200, 100, ...more) }, as(gone, { checkEveryMs: 600_000 })),
  ];
  await eventually(() => peersOf(id), [owner.peerId, gone.peerId].sort());
  const all = await resolveThrough(id, as(guest));
  const values = new Set(all.providers.map(({ value }) => value));
  assert.deepEqual([all.providers.length, values.size], [300, 300]);
  assert.ok(values.has("newer") && !values.has("provider 0") && values.has("provider 1"), "the latest record counts");
  assert.deepEqual(all.leftOut, [
    { peerId: null, text: "1 listed providers are left out that are of another resource" },
    { peerId: null, text: "2 listed providers are left out that are directories within directories" },
  ]);
  const left = gone.peerId;
  await gone.close();
  const rest = await resolveThrough(id, as(guest));
  assert.equal(rest.providers.length, 200);
  assert.ok(rest.leftOut.some(({ peerId }) => peerId === left), JSON.stringify(rest.leftOut));
  await Promise.allSettled(handles.map((handle) => handle.close()));
});
