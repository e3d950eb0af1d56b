// Two members who find each other, talk and leave. RELAYS: a JSON list of { ws }.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

const relays = JSON.parse(process.env.RELAYS).map(({ ws }) => ws);

function member(relay, ...args) {
  const env = { ...process.env, REGISTRY_RELAY: relay, NODE_TEST_CONTEXT: "" };
  const child = spawn(process.execPath, [...process.execArgv.filter((arg) => !arg.startsWith("--test")), "chat.mjs", ...args], { env });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += data));
  const ended = new Promise((done) => child.on("exit", done));
  return {
    async hears(pattern) {
      for (const deadline = Date.now() + 30_000; Date.now() < deadline; await pause(50)) {
        const match = pattern.exec(said);
        if (match) return match;
      }
      assert.fail(`no ${pattern} in\n${said}`);
    },
    says: (line) => child.stdin.write(`${line}\n`),
    leaves: () => (child.stdin.end(), ended),
    kill: () => child.kill("SIGKILL"),
  };
}

test("members find each other, talk, and see who leaves", { timeout: 120_000 }, async () => {
  const alice = member(relays[0], "alice");
  const [, room] = await alice.hears(/room (\w+)/);
  const bob = member(relays[1], "bob", room);
  await alice.hears(/\* bob is here/);
  await bob.hears(/\* alice is here/);
  alice.says("hello");
  await bob.hears(/alice: hello/);
  bob.says("hi");
  await alice.hears(/bob: hi/);

  const carol = member(relays[1], "carol", room);
  await alice.hears(/\* carol is here/);
  carol.kill();
  alice.says("anybody?");
  await bob.hears(/alice: anybody\?/);
  await alice.hears(/\* carol has not received "anybody\?"/);

  assert.equal(await bob.leaves(), 0);
  await alice.hears(/\* bob has left/);
  assert.equal(await alice.leaves(), 0);
});
