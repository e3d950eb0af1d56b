import { api, ApiError, type Happening, listen, type Node } from "./api.ts";
import { count, short, span } from "./format.ts";
import { hashOf, type Notice, type Route, routeOf, type Store } from "./state.ts";

/** A resource is looked at anew this often while nothing is heard of it, and at most this often when something is. */
const RESOURCE_EVERY_MS = 3_000;
const RESOURCE_REST_MS = 1_000;
const NODE_EVERY_MS = 2_000;
const SEEN_REST_MS = 1_000;
const CLOCK_EVERY_MS = 1_000;
/** As page.css has it. */
const ONE_COLUMN = "(max-width: 880px)";
const HELP_SEEN = "registry.help-seen";

/** What the page does: it asks the server, and puts what comes into the store. */
export class Control {
  readonly #store: Store;
  #close: () => void = () => undefined;
  #resourceAskedMs = 0;
  #resourceTimer: ReturnType<typeof setTimeout> | undefined;
  #nodeTimer: ReturnType<typeof setTimeout> | undefined;
  #seenTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  start(): void {
    addEventListener("hashchange", () => {
      this.#go(routeOf(location.hash));
      // In one column what was chosen on the ring lies below it.
      if (matchMedia(ONE_COLUMN).matches) requestAnimationFrame(() => document.getElementById("details")?.scrollIntoView());
    });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#close();
      else this.#open();
    });
    setInterval(() => document.hidden || this.#store.set({ nowMs: Date.now() }), CLOCK_EVERY_MS);
    this.#go(routeOf(location.hash));
    if (!document.hidden) this.#open();
  }

  #open(): void {
    this.#close();
    this.#close = listen({
      connected: (connected) => {
        if (connected && !this.#store.state.connected) void this.#begin();
        this.#store.set({ connected });
      },
      network: (network) => this.#store.set({ network }),
      happened: (happening) => this.#happened(happening),
      lost: () => void this.#begin(),
    });
    this.#look();
  }

  // ---- what is asked for ---------------------------------------------------------------------------------------------

  async create(label: string): Promise<boolean> {
    return this.#do("create", async () => {
      const created = await api.create(label);
      location.hash = hashOf({ at: "resource", id: created.id });
      return good(`Created “${label}”.`, created.errors);
    });
  }

  /** An id, or LABEL@OWNER. */
  async find(text: string): Promise<boolean> {
    return this.#do("find", async () => {
      const resource = await api.resource(text);
      this.#store.show(resource);
      location.hash = hashOf({ at: "resource", id: resource.id });
      return null;
    });
  }

  async register(id: string, value: string, node: Node | null): Promise<boolean> {
    return this.#do("register", async () => {
      const { errors } = await api.register(id, value, node?.peer_id ?? null);
      void this.#askResource();
      return good(node === null ? "This server is a provider now." : `Node ${node.number} is a provider now; it signs at the next run of its spell.`, errors);
    });
  }

  async resolve(id: string, ack: number): Promise<boolean> {
    return this.#do("resolve", async () => {
      const began = performance.now();
      const { providers, errors } = await api.resolve(id, ack);
      const ms = Math.round(performance.now() - began);
      const said = providers.map(({ value, peer_id }) => `“${value}” ${short(peer_id)}`).join(", ");
      return good(`${count(providers.length, "provider")} in ${ms} ms${said && `: ${said}`}.`, errors);
    });
  }

  async unregister(id: string, peer: string): Promise<boolean> {
    return this.#do(`unregister ${peer}`, async () => {
      const { errors } = await api.unregister(id, peer);
      void this.#askResource();
      return good(`${short(peer)} is no provider any more. A tombstone says so for 48 hours.`, errors);
    });
  }

  async change(what: "stop" | "kill" | "restart", node: Node): Promise<boolean> {
    return this.#do(`${what} ${node.number}`, async () => {
      const relay = this.#store.state.server?.relay;
      await api[what](node.peer_id);
      this.#look();
      const did = { stop: "is stopped", kill: "is killed", restart: "runs again" }[what];
      const lost = what !== "restart" && relay === node.peer_id ? " It was this server's relay: the server goes to another one, and registers there anew." : "";
      return good(`Node ${node.number} ${did}.${lost}`);
    });
  }

  async addNode(): Promise<boolean> {
    return this.#do("add", async () => good(`Node ${(await api.addNode()).number} is added. What is due for it comes at the next runs.`));
  }

  async cut(side: string[] | null): Promise<boolean> {
    return this.#do("cut", async () => {
      const cut = await api.cut(side);
      return good(`The network is cut: ${cut?.sides.map(({ length }) => length).join(" and ")} nodes that do not see each other.`);
    });
  }

  async heal(): Promise<boolean> {
    return this.#do("heal", async () => {
      await api.heal();
      const every = this.#store.state.network?.replicate_every_sec;
      return good(`The network is one again. Nodes exchange each key ${every ? `every ${span(every)}` : "in turn"}; “Replicate now” does not wait.`);
    });
  }

  async replicate(): Promise<boolean> {
    return this.#do("replicate", async () => {
      await api.replicate();
      return good("All nodes begin to exchange what they hold with its neighbours.");
    });
  }

  help(shown: boolean): void {
    try {
      localStorage.setItem(HELP_SEEN, "1");
    } catch {
      // A browser that keeps nothing explains every time.
    }
    this.#store.set({ help: shown });
  }

  dismiss(): void {
    this.#store.set({ notice: null });
  }

  async #do(name: string, what: () => Promise<Notice | null>): Promise<boolean> {
    if (this.#store.state.busy.has(name)) return false;
    this.#store.busy(name, true);
    try {
      this.#store.set({ notice: await what() });
      return true;
    } catch (reason) {
      this.#store.set({ notice: bad(reason) });
      return false;
    } finally {
      this.#store.busy(name, false);
    }
  }

  // ---- what is shown -------------------------------------------------------------------------------------------------

  async #begin(): Promise<void> {
    try {
      const [server, network] = await Promise.all([api.server(), api.network(), this.#askSeen()]);
      this.#store.set({ server, network });
    } catch (reason) {
      this.#store.set({ notice: bad(reason) });
    }
    this.#look();
  }

  #go(route: Route): void {
    const { resource, node } = this.#store.state;
    this.#store.set({ route });
    if (route.at === "resource" && route.id !== resource?.id) this.#store.show(null);
    if (route.at === "node" && route.node !== node?.node.number) this.#store.set({ node: null });
    this.#look();
  }

  /** Brings what is shown up to date, and keeps it so. */
  #look(): void {
    void this.#askResource();
    void this.#askNode();
  }

  #happened(happening: Happening): void {
    const { route, resource, seen, server } = this.#store.state;
    this.#store.happened(happening);
    const id = resource?.id ?? (route.at === "resource" ? route.id : null);
    if (id !== null && happening.resources.includes(id)) this.#askResourceSoon();
    if (["started", "stopped", "killed", "cut", "healed"].includes(happening.kind)) this.#askResourceSoon();
    // A label becomes known a moment after the resource.
    if (happening.resources.some((id) => (seen.get(id)?.label ?? null) === null)) this.#seenTimer ??= setTimeout(() => void this.#askSeen(), SEEN_REST_MS);
    // It goes to another relay when its own is gone.
    if (["connected", "stopped", "killed"].includes(happening.kind) && (happening.peer_id === server?.peer_id || happening.node === server?.relay)) {
      void api.server().then((server) => this.#store.set({ server })).catch(() => undefined);
    }
  }

  #askResourceSoon(): void {
    const rest = this.#resourceAskedMs + RESOURCE_REST_MS - Date.now();
    clearTimeout(this.#resourceTimer);
    this.#resourceTimer = setTimeout(() => void this.#askResource(), Math.max(50, rest));
  }

  async #askResource(): Promise<void> {
    clearTimeout(this.#resourceTimer);
    const { route, resource } = this.#store.state;
    const id = route.at === "resource" ? route.id : (resource?.id ?? null);
    if (id === null || document.hidden) return;
    this.#resourceAskedMs = Date.now();
    try {
      const found = await api.resource(id);
      const { route } = this.#store.state;
      if (route.at === "node" || route.id === id) this.#store.show(found);
    } catch (reason) {
      if (this.#store.state.connected) this.#store.set({ notice: bad(reason) });
    }
    clearTimeout(this.#resourceTimer);
    this.#resourceTimer = setTimeout(() => void this.#askResource(), RESOURCE_EVERY_MS);
  }

  async #askNode(): Promise<void> {
    clearTimeout(this.#nodeTimer);
    const { route, network } = this.#store.state;
    if (route.at !== "node" || document.hidden) return;
    const node = network?.nodes[route.node];
    if (node !== undefined) {
      try {
        const found = await api.node(node.peer_id);
        const { route } = this.#store.state;
        if (route.at === "node" && route.node === found.node.number) this.#store.set({ node: found });
      } catch (reason) {
        if (this.#store.state.connected) this.#store.set({ notice: bad(reason) });
      }
    }
    clearTimeout(this.#nodeTimer);
    this.#nodeTimer = setTimeout(() => void this.#askNode(), NODE_EVERY_MS);
  }

  async #askSeen(): Promise<void> {
    this.#seenTimer = undefined;
    try {
      const { resources } = await api.seen();
      this.#store.set({ seen: new Map(resources.map((resource) => [resource.id, resource])) });
    } catch {
      // Ids stand in for labels until the next time.
    }
  }
}

export function helpIsNew(): boolean {
  try {
    return localStorage.getItem(HELP_SEEN) === null;
  } catch {
    return true;
  }
}

function good(text: string, errors: readonly { peer_id: string | null; text: string }[] = []): Notice {
  return { text, kind: "good", details: errors.map(detail) };
}

function bad(reason: unknown): Notice {
  const text = reason instanceof Error ? reason.message : String(reason);
  return { text, kind: "bad", details: reason instanceof ApiError ? reason.details.map(detail) : [] };
}

function detail({ peer_id, text }: { peer_id: string | null; text: string }): string {
  return peer_id === null ? text : `${short(peer_id)}: ${text}`;
}

