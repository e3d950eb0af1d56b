// The page over an invented network: for work on the page, and for tests of how much it can show.
//
//   node mock.mjs [--nodes 8] [--providers 5] [--outside 0] [--events 1] [--port 9979]
//
// `--events`: how many happen in a second; with them changes what is held. `--outside`: how many nodes hold it beside the neighbours.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const PAGE = new URL("../../../client/src/command/http/page/", import.meta.url);
const FILES = { "/": ["index.html", "text/html"], "/app.js": ["app.js", "text/javascript"], "/app.css": ["app.css", "text/css"] };
const NEIGHBOURS = 20;
const EVENTS_KEPT = 1_024;
const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

const digest = (text) => createHash("sha256").update(text).digest();
const place = (text) => digest(text).readUIntBE(0, 6) / 2 ** 48;
const letters = (text, count) => Array.from({ length: count }, (_, i) => BASE58[digest(`${text} ${i}`)[0] % 58]).join("");
const peerId = (name) => `12D3KooW${letters(name, 44)}`;
const resourceId = (label, owner) => letters(`${label}@${owner}`, 44);
const distance = (a, b) => BigInt(`0x${digest(a).toString("hex")}`) ^ BigInt(`0x${digest(b).toString("hex")}`);

/** An invented network behind the HTTP API. */
export function mock({ nodes: count = 8, providers = 5, outside = 0, events: rate = 1 } = {}) {
  const me = peerId("me");
  const nodes = [];
  const resources = new Map();
  const happened = [];
  const streams = new Set();
  let cut = null;
  let nextId = 1;

  const now = () => Date.now();
  const runs = ({ state }) => state === "running";
  const byPeer = (peer) => nodes.find(({ peer_id }) => peer_id === peer);

  function addNode() {
    const number = nodes.length;
    const peer_id = peerId(`node ${number}`);
    const address = (port, more) => `/ip4/127.0.0.1/tcp/${port}${more}/p2p/${peer_id}`;
    const node = {
      number,
      peer_id,
      tcp: address(9000 + 2 * number, ""),
      ws: address(9001 + 2 * number, "/ws"),
      position: place(peer_id),
      state: "running",
      clients: [],
      clock_ahead_ms: 0,
      runs: 0,
      history: [],
      /** resource id -> { records: Map, tombstones: Map, partial } */
      held: new Map(),
    };
    nodes.push(node);
    return node;
  }

  function neighbours(id) {
    return nodes.filter(runs).sort((a, b) => (distance(id, a.peer_id) < distance(id, b.peer_id) ? -1 : 1)).slice(0, NEIGHBOURS);
  }

  function tell(kind, more = {}) {
    const event = { id: `${nextId++}`, at_ms: now(), kind, node: null, peer_id: null, resources: [], cost: null, text: null, ...more };
    happened.push(event);
    if (happened.length > EVENTS_KEPT) happened.shift();
    for (const stream of streams) stream.write(`id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`);
    const of = event.resources.map((id) => resources.get(id)).filter(Boolean);
    for (const resource of of) Object.assign(resource, { active_ms: event.at_ms, kind });
  }

  function cost(nodes) {
    return { messages: 2 * nodes + 4, bytes: 9_000 * nodes + 4_321, nodes, avm_ms: 1.7 * nodes, service_ms: 0.4 * nodes };
  }

  const side = (node) => (cut === null ? 0 : cut.sides.findIndex((side) => side.includes(node.peer_id)));
  const others = (id) => nodes.filter((node) => runs(node) && !neighbours(id).includes(node)).slice(0, outside);
  const reach = (from, id) => [...neighbours(id), ...others(id)].filter((node) => side(node) === side(from));
  const relay = () => nodes.find((node) => node.clients.includes(me)) ?? null;

  function connect() {
    const free = nodes.find(runs);
    if (!free) return;
    free.clients = [...free.clients, me];
    tell("connected", { node: free.peer_id, peer_id: me });
    for (const { id } of resources.values()) {
      for (const record of all(id)) if (record.peer_id === me) put(id, { ...record, relay_id: free.peer_id, issued_at: seconds() });
    }
    changed();
  }

  const seconds = () => Math.floor(now() / 1_000);
  const key = ({ issuer, peer_id, service_id }) => `${issuer} ${peer_id} ${service_id}`;
  const all = (id) => [...new Map(nodes.flatMap((node) => [...(node.held.get(id)?.records.values() ?? [])]).map((record) => [key(record), record])).values()];

  function hold(node, id) {
    if (!node.held.has(id)) node.held.set(id, { records: new Map(), tombstones: new Map(), partial: false });
    return node.held.get(id);
  }

  function create(label, owner = me) {
    const id = resourceId(label, owner);
    if (!resources.has(id)) resources.set(id, { id, label, owner_peer_id: owner, position: place(id), active_ms: now(), kind: "created", created_at: seconds() });
    const from = relay() ?? nodes.find(runs);
    const there = reach(from, id);
    there.forEach((node) => hold(node, id));
    tell("created", { node: from.peer_id, peer_id: owner, resources: [id], cost: cost(there.length) });
    changed();
    return resources.get(id);
  }

  function put(id, record) {
    const from = byPeer(record.relay_id) ?? relay() ?? nodes.find(runs);
    const there = reach(from, id);
    for (const node of there) {
      hold(node, id).records.set(key(record), record);
      hold(node, id).tombstones.delete(record.peer_id);
    }
    tell("registered", { node: from.peer_id, peer_id: record.peer_id, resources: [id], cost: cost(there.length) });
    changed();
  }

  function record(peer_id, value, relay_id, issuer = peer_id) {
    return { peer_id, issuer, service_id: null, value, relay_id, issued_at: seconds(), signed_at: seconds(), signature: "valid" };
  }

  function replicate() {
    for (const id of resources.keys()) {
      const records = all(id);
      for (const node of neighbours(id)) {
        const before = hold(node, id).records.size;
        for (const record of records) node.held.get(id).records.set(key(record), record);
        node.held.get(id).partial = false;
        if (node.held.get(id).records.size !== before) tell("replicated", { node: node.peer_id, peer_id: node.peer_id, resources: [id], cost: cost(4) });
        node.runs++;
      }
    }
    changed();
  }

  function sample(node) {
    const keys = [...node.held.values()];
    const records = keys.reduce((sum, { records }) => sum + records.size, 0);
    return { at_ms: now(), keys: keys.length, records, tombstones: 0, due: Math.round(Math.random() * 2), partial: 0, bytes: 900 * records + 300 * keys.length, spell_runs: node.runs };
  }

  const shown = ({ runs: _, held: __, history, ...node }) => ({ ...node, stats: node.state === "running" ? (history.at(-1) ?? null) : null });
  const network = () => ({ at_ms: now(), nodes: nodes.map(shown), cut, nodes_max: 400, spell_every_sec: 10, replicate_every_sec: 60 });

  let isTold = false;
  function changed() {
    if (isTold) return;
    isTold = true;
    setTimeout(() => {
      isTold = false;
      for (const stream of streams) stream.write(`event: network\ndata: ${JSON.stringify(network())}\n\n`);
    }, 100);
  }

  function view(id) {
    const found = resources.get(id);
    const near = neighbours(id);
    const far = nodes.filter((node) => runs(node) && !near.includes(node) && node.held.has(id));
    const holder = (is_neighbour) => (node) => {
      const held = node.held.get(id);
      return {
        peer_id: node.peer_id,
        position: node.position,
        is_neighbour,
        error: null,
        took_ms: null,
        clock_ahead_ms: 0,
        created_at: held && found ? found.created_at : null,
        partial: held ? held.partial : null,
        records: [...(held?.records.values() ?? [])],
        tombstones: [...(held?.tombstones.values() ?? [])],
      };
    };
    return {
      id,
      at_ms: now(),
      position: place(id),
      label: found?.label ?? null,
      owner_peer_id: found?.owner_peer_id ?? null,
      nodes: [...near.map(holder(true)), ...far.map(holder(false))],
    };
  }

  function end(node, state) {
    const wasRelay = node.clients.includes(me);
    Object.assign(node, { state, clients: [] });
    tell(state, { node: node.peer_id });
    changed();
    if (wasRelay) setTimeout(connect, 1_000);
  }

  const failure = (status, code, message) => [status, { error: { code, message, details: [] } }];

  function find(text) {
    const [, label, owner] = /^(.*)@([^@]+)$/.exec(text) ?? [];
    const id = owner === undefined ? text : resourceId(label, owner === "me" ? me : owner);
    return /^[1-9A-HJ-NP-Za-km-z]{42,44}$/.test(id) ? id : null;
  }

  function answer(method, url, body) {
    const path = url.pathname.split("/").slice(2).map(decodeURIComponent);
    const route = `${method} ${path[0]} ${path.slice(2).map((part, index) => (index === 1 ? "*" : part)).join("/")}`.trim();
    const id = path[0] === "resources" && path.length > 1 ? find(path[1]) : null;
    if (path[0] === "resources" && path.length > 1 && id === null) return failure(400, "bad_resource", `\`${path[1]}\` is no resource: give an id of 42 to 44 letters, or LABEL@OWNER`);
    const node = path[0] === "nodes" && path.length > 1 ? byPeer(path[1]) : null;
    if (path[0] === "nodes" && path.length > 1 && !node) return failure(404, "no_such_node", `no node ${path[1]}`);
    switch (route) {
      case "GET server": return [200, { kind: "up", version: "1.0.0", peer_id: me, relay: relay()?.peer_id ?? null, ttl_ms: 7_000 }];
      case "GET network": return [200, path[1] === "resources" ? { resources: [...resources.values()].sort((a, b) => b.active_ms - a.active_ms) } : network()];
      case "POST network":
        if (path[1] === "cut") {
          const one = body.side ?? nodes.filter(({ position }) => position < 0.5).map(({ peer_id }) => peer_id);
          cut = { sides: [nodes.map(({ peer_id }) => peer_id).filter((peer) => !one.includes(peer)), one] };
          tell("cut");
          changed();
          return [200, cut];
        }
        if (path[1] === "replicate") return setTimeout(replicate, 500), [202, {}];
        const healed = cut !== null;
        cut = null;
        tell("healed");
        changed();
        return [200, { healed }];
      case "POST resources": return [201, { ...create(body.label), errors: [] }];
      case "GET resources": return [200, view(id)];
      case "GET resources providers": return tell("resolved", { node: relay()?.peer_id ?? null, peer_id: me, resources: [id], cost: cost(3) }), [200, { resource_id: id, providers: all(id), errors: [] }];
      case "POST resources providers":
        put(id, record(body.node ?? me, body.value, body.node ? null : (relay()?.peer_id ?? null), me));
        return [201, { resource_id: id, peer_id: body.node ?? me, errors: [] }];
      case "DELETE resources providers/*": {
        const peer = path[3] === "me" ? me : path[3];
        for (const node of reach(relay(), id)) {
          const held = hold(node, id);
          for (const [at, record] of held.records) if (record.peer_id === peer) held.records.delete(at);
          held.tombstones.set(peer, { peer_id: peer, issuer: me, issued_at: seconds() });
        }
        tell("deleted", { node: relay().peer_id, peer_id: me, resources: [id], cost: cost(8) });
        return [200, { resource_id: id, peer_id: peer, errors: [] }];
      }
      case "POST nodes": {
        const added = addNode();
        tell("added", { node: added.peer_id });
        changed();
        return [201, shown(added)];
      }
      case "GET nodes": {
        const peers = nodes.filter((other) => other !== node && runs(other)).map(({ peer_id }) => peer_id);
        return [200, { node: shown(node), history: node.history, sampled_every_ms: 2_000, registry: {}, peers }];
      }
      case "POST nodes stop": return end(node, "stopped"), [200, shown(node)];
      case "POST nodes kill": return end(node, "killed"), [200, shown(node)];
      case "POST nodes restart":
        node.state = "running";
        for (const held of node.held.values()) held.partial = true;
        tell("started", { node: node.peer_id });
        changed();
        return [200, shown(node)];
      default: return failure(404, "not_found", `${method} ${url.pathname}: there is no such path`);
    }
  }

  async function serve(request, response) {
    const url = new URL(request.url, "http://127.0.0.1");
    if (url.pathname === "/api/events") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const id = happened.at(-1)?.id ?? "0";
      response.write(`id: ${id}\nevent: hello\ndata: ${JSON.stringify({ id, oldest_id: happened[0]?.id ?? null })}\n\n`);
      const replay = Number(url.searchParams.get("replay") ?? 0);
      if (replay > 0) for (const event of happened.slice(-replay)) response.write(`id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`);
      response.write(`event: network\ndata: ${JSON.stringify(network())}\n\n`);
      streams.add(response);
      request.on("close", () => streams.delete(response));
      return;
    }
    if (FILES[url.pathname]) {
      const [name, type] = FILES[url.pathname];
      response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(await readFile(new URL(name, PAGE)));
      return;
    }
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const [status, json] = answer(request.method, url, chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {});
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
  }

  for (let i = 0; i < count; i++) addNode();
  const SAMPLES = 120;
  connect();
  const labels = ["chat", "printers", "weather", "files"];
  const shownResource = create(labels[0]).id;
  labels.slice(1).forEach((label) => create(label, peerId(`owner of ${label}`)));
  for (let i = 0; i < providers; i++) {
    const at = nodes[i % nodes.length];
    const peer = peerId(`client ${i}`);
    at.clients = [...at.clients, peer];
    put(shownResource, record(peer, ["alice’s laptop", "bob", "the printer upstairs", "carol", "desk 12"][i] ?? `provider ${i}`, at.peer_id));
  }
  for (const node of nodes) {
    for (let i = 0; i < SAMPLES; i++) {
      const { keys, records, ...rest } = sample(node);
      node.history.push({ ...rest, keys: Math.ceil((keys * (i + 30)) / (SAMPLES + 30)), records: Math.ceil((records * (i + 1)) / SAMPLES), at_ms: now() - (SAMPLES - i) * 2_000, spell_runs: Math.floor(i / 5) });
    }
  }
  // Now and then somebody registers anew, with another time: every copy of it is another one.
  const timers = [
    setInterval(() => {
      for (const node of nodes.filter(runs)) node.history = [...node.history.slice(1 - 360), sample(node)];
      changed();
    }, 2_000),
  ];
  if (rate > 0) {
    timers.push(setInterval(() => {
      const records = all(shownResource);
      const one = records[Math.floor(Math.random() * records.length)];
      const at = nodes.filter(runs)[Math.floor(Math.random() * nodes.filter(runs).length)];
      if (one && Math.random() < 0.3) put(shownResource, { ...one, issued_at: seconds() });
      else if (at) tell("resolved", { node: at.peer_id, peer_id: peerId(`client ${Math.floor(Math.random() * 9)}`), resources: [shownResource], cost: cost(3) });
    }, 1_000 / rate));
  }
  const server = createServer((request, response) => serve(request, response).catch((error) => response.writeHead(500).end(String(error.stack))));
  return {
    resource: shownResource,
    async listen(port = 0) {
      await new Promise((done) => server.listen(port, "127.0.0.1", done));
      return `http://127.0.0.1:${server.address().port}`;
    },
    close() {
      timers.forEach(clearInterval);
      server.closeAllConnections();
      server.close();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { nodes: { type: "string" }, providers: { type: "string" }, outside: { type: "string" }, events: { type: "string" }, port: { type: "string", default: "9979" } } });
  const number = (name) => (values[name] === undefined ? undefined : Number(values[name]));
  console.log(await mock({ nodes: number("nodes"), providers: number("providers"), outside: number("outside"), events: number("events") }).listen(number("port")));
}
