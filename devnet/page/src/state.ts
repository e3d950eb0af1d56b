import type { Happening, Network, NodePage, Resource, SeenResource, Server } from "./api.ts";
import { type Copies, copiesOf, NO_COPIES } from "./copies.ts";

/** What is shown beside the ring. */
export type Route = { at: "resource"; id: string | null } | { at: "node"; node: number };

/** What came of something that was asked for. */
export interface Notice {
  text: string;
  kind: "good" | "bad";
  /** What single nodes said. */
  details: readonly string[];
}

export interface State {
  route: Route;
  /** Whether events arrive. */
  connected: boolean;
  server: Server | null;
  network: Network | null;
  /** The newest last. */
  happenings: readonly Happening[];
  /** Resources that something has happened to, by id. */
  seen: ReadonlyMap<string, SeenResource>;
  /** The one that is shown on the ring, also beside a node's page. */
  resource: Resource | null;
  copies: Copies;
  node: NodePage | null;
  notice: Notice | null;
  /** What is being done at this moment, by the names of the buttons. */
  busy: ReadonlySet<string>;
  help: boolean;
  nowMs: number;
}

export const HAPPENINGS_KEPT = 200;

export function empty(route: Route, help: boolean, nowMs: number): State {
  return {
    route,
    connected: false,
    server: null,
    network: null,
    happenings: [],
    seen: new Map(),
    resource: null,
    copies: NO_COPIES,
    node: null,
    notice: null,
    busy: new Set(),
    help,
    nowMs,
  };
}

/** The state, and who wants to hear that it is another one: once a frame, however often it changed. */
export class Store {
  #state: State;
  #listener: () => void = () => undefined;
  #isScheduled = false;
  readonly #schedule: (run: () => void) => void;

  constructor(state: State, schedule: (run: () => void) => void) {
    this.#state = state;
    this.#schedule = schedule;
  }

  get state(): State {
    return this.#state;
  }

  listen(listener: () => void): void {
    this.#listener = listener;
  }

  set(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change };
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#schedule(() => {
      this.#isScheduled = false;
      this.#listener();
    });
  }

  show(resource: Resource | null): void {
    this.set({ resource, copies: resource === null ? NO_COPIES : copiesOf(resource) });
  }

  happened(happening: Happening): void {
    const before = this.#state.happenings;
    // After a break the last ones come again.
    if (before.some(({ id }) => id === happening.id)) return;
    this.set({ happenings: [...before, happening].slice(-HAPPENINGS_KEPT) });
  }

  busy(name: string, is: boolean): void {
    const busy = new Set(this.#state.busy);
    if (is) busy.add(name);
    else busy.delete(name);
    this.set({ busy });
  }
}

/** `#/node/3`, `#/resource/ID`; anything else is the beginning. */
export function routeOf(hash: string): Route {
  const [, at, what = ""] = /^#\/(node|resource)\/(.+)$/.exec(hash) ?? [];
  if (at === "node" && /^\d{1,4}$/.test(what)) return { at: "node", node: Number(what) };
  if (at === "resource") {
    try {
      return { at: "resource", id: decodeURIComponent(what) };
    } catch {
      // A lone `%`: it is no id either.
    }
  }
  return { at: "resource", id: null };
}

export function hashOf(route: Route): string {
  if (route.at === "node") return `#/node/${route.node}`;
  return route.id === null ? "#/" : `#/resource/${encodeURIComponent(route.id)}`;
}
