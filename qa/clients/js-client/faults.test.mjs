// The JavaScript of the package, with a dead node in every neighbourhood: an answer or an error, in time.
// RELAYS: a JSON list of { peer_id, ws }; DEAD: the peer id of the node that is dead.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { call, callOne, connect, createResource, provide, registerNode, RegistryError, resolveProviders, unregister, watchProviders } from "@fluencelabs/registry";

const relays = JSON.parse(process.env.RELAYS);
const dead = relays.find(({ peer_id }) => peer_id === process.env.DEAD);
const living = relays.find((relay) => relay !== dead);
const ALL = 20;
const limit = { timeout: 60_000 };

let connection, id, provided;

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
  await assert.rejects(registerNode(id, dead.peer_id, "dead"), (error) => {
    assert.ok(error instanceof RegistryError);
    assert.ok(error.errors.some(({ peerId }) => peerId === dead.peer_id), error.message);
    return true;
  });
});

test("who has too few answers is told who is missing", limit, async () => {
  await provided.close();
  assert.deepEqual(await resolveProviders(id), []);
  await assert.rejects(resolveProviders(id, { ack: ALL }), (error) => error instanceof RegistryError && error.message.includes(dead.peer_id));
  await assert.rejects(unregister(id, "bob"), RegistryError);
});
