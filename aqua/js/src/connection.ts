import { callAquaFunction, ClientPeer, createClient, registerService } from "@fluencelabs/js-client";
import { RegistryError, textOf } from "./errors.js";

/** A value as JSON has it. */
export type Json = string | number | boolean | null | Json[] | { [field: string]: Json };

/** The functions of a service, by name. */
export type Handlers = Record<string, (...args: Json[]) => Json | void | Promise<Json | void>>;

export interface ConnectOptions {
  /** 32 bytes: the secret key of the client. Without it, the client is a new peer. */
  secretKey?: Uint8Array;
  /** How long a call may take, in milliseconds; 7,000 unless given. */
  ttlMs?: number;
  /**
   * In browsers: where the JS client's worker and its two wasm files are, laid out as on unpkg.com, which is where they come from unless
   * this is given. It ends with a slash.
   */
  workersUrl?: string;
}

export interface CallOptions {
  /** Whose connection; the one that `connect` has made last unless given. */
  connection?: Connection;
  /** How long the call may take, in milliseconds; the connection's unless given. */
  ttlMs?: number;
}

const DEFAULT_TTL_MS = 7_000;
let latest: Connection | undefined;

/**
 * Connects to the first of these relays that answers. The others are for when that one is gone.
 *
 * @throws {RegistryError} if none of them answers
 */
export async function connect(relays: string | readonly string[], options: ConnectOptions = {}): Promise<Connection> {
  const list = typeof relays === "string" ? [relays] : [...relays];
  if (list.length === 0) throw new TypeError("connect: no relay is given");
  const secretKey = options.secretKey ?? crypto.getRandomValues(new Uint8Array(32));
  const connection = new Connection(list, secretKey, options.ttlMs ?? DEFAULT_TTL_MS, options.workersUrl);
  await connection.reconnect();
  latest = connection;
  return connection;
}

/** The connection of a call. */
export function connectionOf(options: CallOptions): Connection {
  const connection = options.connection ?? latest;
  if (connection === undefined) throw new Error("call connect first, or give a connection");
  return connection;
}

/** A client of a network, under one peer id, behind one relay at a time. */
export class Connection {
  readonly ttlMs: number;
  readonly #relays: readonly string[];
  readonly #secretKey: Uint8Array;
  readonly #workersUrl: string | undefined;
  readonly #services = new Map<string, Handlers>();
  #peer: ClientPeer | undefined;
  #relay = -1;
  #connecting: Promise<void> | undefined;
  #closed = false;

  /** @internal */
  constructor(relays: readonly string[], secretKey: Uint8Array, ttlMs: number, workersUrl: string | undefined) {
    this.#relays = relays;
    this.#secretKey = secretKey;
    this.#workersUrl = workersUrl;
    this.ttlMs = ttlMs;
  }

  get peerId(): string {
    return this.peer.getPeerId();
  }

  /** The relay that it is connected to now. */
  get relayId(): string {
    return this.peer.getRelayPeerId();
  }

  /** The JS client's own object, for functions that aqua-to-js has made. Another one after each reconnection. */
  get peer(): ClientPeer {
    if (this.#peer === undefined) throw new Error("the connection is closed");
    return this.#peer;
  }

  /** Has others call these functions. They stay over reconnections. */
  serve(serviceId: string, handlers: Handlers): void {
    this.#services.set(serviceId, handlers);
    offer(this.peer, serviceId, handlers);
  }

  /** Goes to the next relay that answers; to the same one if there is no other. */
  reconnect(): Promise<void> {
    this.#connecting ??= this.#next().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const peer = this.#peer;
    this.#peer = undefined;
    if (latest === this) latest = undefined;
    await peer?.disconnect();
  }

  async #next(): Promise<void> {
    const failed: string[] = [];
    for (let turn = 1; turn <= this.#relays.length; turn++) {
      const index = (this.#relay + turn) % this.#relays.length;
      const relay = this.#relays[index]!;
      try {
        const peer = await this.#to(relay);
        const before = this.#peer;
        this.#peer = peer;
        this.#relay = index;
        for (const [serviceId, handlers] of this.#services) offer(peer, serviceId, handlers);
        await before?.disconnect().catch(() => undefined);
        if (this.#closed) await this.close();
        return;
      } catch (reason) {
        failed.push(`${relay}: ${textOf(reason)}`);
      }
    }
    throw new RegistryError("no relay answers", failed);
  }

  // A dial that never ends, and a node that takes the connection and is silent, count as failed.
  async #to(relay: string): Promise<ClientPeer> {
    const config = {
      keyPair: { type: "Ed25519" as const, source: this.#secretKey },
      connectionOptions: { dialTimeoutMs: this.ttlMs },
      defaultTtlMs: this.ttlMs,
      ...(this.#workersUrl === undefined ? {} : { CDNUrl: this.#workersUrl }),
    };
    const peer = await createClient(relay, config);
    leaveSignalsAlone();
    return peer;
  }
}

/**
 * In Node.js the JS client's workers end the process at Ctrl-C, while whoever asks for it still says goodbye. Without their listener a
 * process ends as any other does.
 */
function leaveSignalsAlone(): void {
  if (typeof process === "undefined" || typeof process.listeners !== "function") return;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    for (const listener of process.listeners(signal)) {
      if (String(listener).includes("terminateWorkersAndMaster")) process.removeListener(signal, listener);
    }
  }
}

function offer(peer: ClientPeer, serviceId: string, handlers: Handlers): void {
  const service = Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [
      name,
      async ({ args }: { args: unknown[] }) => (await handler(...(args as Json[]))) ?? null,
    ]),
  );
  registerService({ peer, serviceId, service: service as Parameters<typeof registerService>[0]["service"] });
}

/** Runs a script and returns what it responds. */
export async function runScript(
  connection: Connection,
  script: string,
  args: Record<string, Json>,
  ttlMs: number,
): Promise<unknown> {
  return callAquaFunction({ script, args: args as never, config: { ttl: ttlMs }, peer: connection.peer, fireAndForget: false });
}
