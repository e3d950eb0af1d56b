// A room is a resource, its members are providers: each is called with what the others say.

import { call, provide, watchProviders } from "@fluencelabs/registry";

/** The addresses of the nodes of `registry up`, whose page is there. */
export async function nodesOf(page) {
  const { nodes } = await (await fetch(new URL("/api/network", page))).json();
  return nodes.map(({ ws }) => ws);
}

/** Enters a room; opens one where none is given. `tell` is called with every line, and with who comes and goes. */
export async function enter(name, given, tell) {
  const inbox = { id: "inbox", functions: { receive: (from, line) => tell(`${from}: ${line}`) } };
  const member = await provide({ ...(given ? { resource: given } : { label: "chat" }), value: name, service: inbox });
  const room = member.resource;
  const left = new AbortController();
  const news = ({ added, gone }) => {
    added.forEach(({ value }) => tell(`* ${value} is here`));
    gone.forEach(({ value }) => tell(`* ${value} has left`));
  };
  watchProviders(room, news, { everyMs: 2_000, signal: left.signal });

  // Nobody waits for a member that hangs: each has its own call.
  async function say(line) {
    for await (const { provider, error } of call(room, "inbox", "receive", [name, line], { ttlMs: 5_000 })) {
      if (error) tell(`* ${provider.value} has not received "${line}"`);
    }
  }
  function leave() {
    left.abort();
    return member.close();
  }
  return { room, leave, say: (line) => say(line).catch((error) => tell(`* ${error.message}`)) };
}
