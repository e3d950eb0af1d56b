/**
 * The HTTP API, as far as the page calls it. The types are those of client/src/command/http/openapi.yaml.
 */

export interface Server {
  kind: "up" | "gateway";
  version: string;
  peer_id: string;
  relay: string | null;
  ttl_ms: number;
}

export interface Sample {
  at_ms: number;
  keys: number;
  records: number;
  tombstones: number;
  due: number;
  partial: number;
  bytes: number;
  spell_runs: number;
}

export interface Node {
  number: number;
  peer_id: string;
  tcp: string;
  ws: string;
  position: number;
  state: "running" | "stopped" | "killed";
  clients: string[];
  clock_ahead_ms: number;
  stats: Sample | null;
}

export interface Network {
  at_ms: number;
  nodes: Node[];
  cut: { sides: [string[], string[]] } | null;
  nodes_max: number;
  spell_every_sec: number;
  replicate_every_sec: number;
}

export interface NodePage {
  node: Node;
  history: Sample[];
  sampled_every_ms: number;
  registry: Record<string, unknown> | null;
  peers: string[];
}

export interface HeldRecord {
  peer_id: string;
  issuer: string;
  service_id: string | null;
  value: string;
  relay_id: string | null;
  issued_at: number;
  signed_at: number | null;
  signature: "valid" | "missing" | "invalid" | "unchecked";
}

export interface HeldTombstone {
  peer_id: string;
  issuer: string;
  issued_at: number;
}

export interface Holder {
  peer_id: string;
  position: number;
  is_neighbour: boolean;
  error: string | null;
  took_ms: number | null;
  clock_ahead_ms: number | null;
  created_at: number | null;
  partial: boolean | null;
  records: HeldRecord[];
  tombstones: HeldTombstone[];
}

export interface Resource {
  id: string;
  at_ms: number;
  position: number;
  label: string | null;
  owner_peer_id: string | null;
  nodes: Holder[];
}

export interface Provider {
  resource_id: string;
  peer_id: string;
  issuer: string;
  value: string;
  relay_id: string | null;
  service_id: string | null;
  issued_at: number;
  verified: boolean;
}

export interface NodeError {
  peer_id: string | null;
  text: string;
}

export interface SeenResource {
  id: string;
  label: string | null;
  owner_peer_id: string | null;
  position: number;
  active_ms: number;
  kind: EventKind;
}

export type EventKind =
  | "created" | "registered" | "resolved" | "replicated" | "renewed" | "expired" | "deleted"
  | "started" | "stopped" | "killed" | "added"
  | "connected" | "cut_off" | "refused"
  | "cut" | "healed" | "trouble";

export interface Cost {
  messages: number;
  bytes: number;
  nodes: number;
  avm_ms: number;
  service_ms: number;
}

export interface Happening {
  id: string;
  at_ms: number;
  kind: EventKind;
  node: string | null;
  peer_id: string | null;
  resources: string[];
  cost: Cost | null;
  text: string | null;
}

/** What the server refused or could not do. */
export class ApiError extends Error {
  readonly code: string;
  readonly details: readonly NodeError[];

  constructor(code: string, message: string, details: readonly NodeError[] = []) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

async function ask<T>(method: "GET" | "POST" | "DELETE", path: string, body: unknown = {}): Promise<T> {
  const init: RequestInit =
    method === "POST" ? { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : { method };
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new ApiError("unreachable", "`registry up` does not answer: does it still run?");
  }
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer as T;
  const failure = (answer as { error?: { code: string; message: string; details: NodeError[] } } | null)?.error;
  if (failure) throw new ApiError(failure.code, failure.message, failure.details);
  throw new ApiError("internal", `${method} ${path}: status ${response.status}`);
}

const resource = (id: string) => `/api/resources/${encodeURIComponent(id)}`;
const node = (peer: string) => `/api/nodes/${encodeURIComponent(peer)}`;

export const api = {
  server: () => ask<Server>("GET", "/api/server"),
  network: () => ask<Network>("GET", "/api/network"),
  seen: () => ask<{ resources: SeenResource[] }>("GET", "/api/network/resources"),
  resource: (id: string) => ask<Resource>("GET", resource(id)),
  create: (label: string) =>
    ask<{ id: string; label: string; owner_peer_id: string; errors: NodeError[] }>("POST", "/api/resources", { label }),
  resolve: (id: string, ack: number) =>
    ask<{ providers: Provider[]; errors: NodeError[] }>("GET", `${resource(id)}/providers?ack=${ack}`),
  /** Registers the server's own peer, or a node. */
  register: (id: string, value: string, node: string | null) =>
    ask<{ peer_id: string; errors: NodeError[] }>("POST", `${resource(id)}/providers`, { value, node }),
  unregister: (id: string, peer: string) =>
    ask<{ errors: NodeError[] }>("DELETE", `${resource(id)}/providers/${encodeURIComponent(peer)}`),
  node: (peer: string) => ask<NodePage>("GET", node(peer)),
  stop: (peer: string) => ask<Node>("POST", `${node(peer)}/stop`),
  kill: (peer: string) => ask<Node>("POST", `${node(peer)}/kill`),
  restart: (peer: string) => ask<Node>("POST", `${node(peer)}/restart`),
  addNode: () => ask<Node>("POST", "/api/nodes"),
  cut: (side: string[] | null) => ask<Network["cut"]>("POST", "/api/network/cut", { side }),
  replicate: () => ask<unknown>("POST", "/api/network/replicate"),
  heal: () => ask<{ healed: boolean }>("POST", "/api/network/heal"),
};

export interface Listener {
  connected(is: boolean): void;
  network(network: Network): void;
  happened(happening: Happening): void;
  /** Events were missed: what was read before may be old. */
  lost(): void;
}

const REPLAY = 200;

/**
 * Opens the stream of events: the latest ones first. After a break it goes on where it was. Returns what closes it.
 *
 * A browser has six connections to a server: a tab that nobody looks at must not keep one of them.
 */
export function listen(to: Listener): () => void {
  const stream = new EventSource(`/api/events?network=true&replay=${REPLAY}`);
  const data = <T>(event: Event) => JSON.parse((event as MessageEvent<string>).data) as T;
  let again: ReturnType<typeof setTimeout> | undefined;
  let close = () => {
    clearTimeout(again);
    stream.close();
  };
  stream.addEventListener("open", () => to.connected(true));
  stream.addEventListener("error", () => {
    to.connected(false);
    // The browser tries again by itself, unless the answer was none.
    if (stream.readyState === EventSource.CLOSED) again = setTimeout(() => (close = listen(to)), 2_000);
  });
  stream.addEventListener("message", (event) => to.happened(data<Happening>(event)));
  stream.addEventListener("network", (event) => to.network(data<Network>(event)));
  stream.addEventListener("lagged", () => to.lost());
  return () => close();
}
