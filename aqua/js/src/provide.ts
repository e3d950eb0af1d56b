import * as scripts from "./scripts.js";
import { type CallOptions, type Connection, connectionOf, type Handlers } from "./connection.js";
import { RegistryError, textOf } from "./errors.js";
import { type RenewalOptions, renewalMs } from "./renewal.js";
import { context, createResource, openResourceId, succeed, unregister } from "./resources.js";

export interface ProvideRequest {
  /** The id of a resource; or the label of one of the client's own, or of an open one, which is created. */
  resource?: string;
  label?: string;
  open?: string;
  /** Any text. */
  value: string;
  /** The id of a service that the client has, or functions that others may call from now on. */
  service?: string | { id: string; functions: Handlers };
}

export interface ProvideOptions extends CallOptions, RenewalOptions {
  /** How often to see whether the relay is still there, in milliseconds; every 20 seconds unless given. */
  checkEveryMs?: number;
  /** Is told what has failed; the next attempt is made by itself. */
  onError?: (error: RegistryError) => void;
}

/** Keeps the client registered, until it is closed. */
export interface Provided {
  readonly resource: string;
  /** Ends the registration, and voids it. */
  close(): Promise<void>;
}

const CHECK_EVERY_MS = 20_000;

/**
 * Registers the client as a provider and keeps it registered: anew before the registration ends, and behind another
 * relay when the one that it has is gone.
 *
 * @throws {RegistryError} if the first registration fails
 */
export async function provide(request: ProvideRequest, options: ProvideOptions = {}): Promise<Provided> {
  const connection = connectionOf(options);
  const { service } = request;
  if (typeof service === "object") connection.serve(service.id, service.functions);
  const registration = new Registration(connection, request, options);
  await registration.register();
  registration.keep();
  return registration;
}

class Registration implements Provided {
  readonly #connection: Connection;
  readonly #request: ProvideRequest;
  readonly #options: ProvideOptions;
  readonly #serviceId: string | null;
  #resource: string | undefined;
  #registered = { at: 0, relayId: "" };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #working: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(connection: Connection, request: ProvideRequest, options: ProvideOptions) {
    const named = [request.resource, request.label, request.open].filter((name) => name !== undefined);
    if (named.length !== 1) throw new TypeError("provide: give a resource, a label or an open label, one of them");
    this.#connection = connection;
    this.#request = request;
    this.#options = { ...options, connection };
    this.#resource = request.resource;
    const { service } = request;
    this.#serviceId = typeof service === "object" ? service.id : (service ?? null);
  }

  get resource(): string {
    return this.#resource!;
  }

  async register(): Promise<void> {
    const { peer, config } = context(this.#options);
    const { label, open, value } = this.#request;
    const { leaseSec } = this.#options;
    const service = this.#serviceId;
    if (open !== undefined) {
      this.#resource ??= await openResourceId(open, this.#options);
      const call =
        leaseSec === undefined
          ? scripts.registerOpenProvider(peer, open, value, service, config)
          : scripts.registerOpenProviderFor(peer, open, value, service, leaseSec, config);
      await succeed(`provide(open "${open}")`, call);
    } else if (leaseSec !== undefined) {
      if (label !== undefined) this.#resource ??= (await createResource(label, this.#options)).id;
      const call = scripts.registerProviderFor(peer, this.resource, value, service, leaseSec, config);
      await succeed(`provide(${this.resource})`, call);
    } else if (label !== undefined) {
      const call = scripts.createResourceAndRegisterProvider(peer, label, value, service, config);
      this.#resource = await succeed(`provide("${label}")`, call);
    } else {
      const call = scripts.registerProvider(peer, this.resource, value, service, config);
      await succeed(`provide(${this.resource})`, call);
    }
    this.#registered = { at: Date.now(), relayId: peer.getRelayPeerId() };
  }

  keep(): void {
    if (this.#closed) return;
    const every = Math.min(this.#options.checkEveryMs ?? CHECK_EVERY_MS, renewalMs(this.#options));
    this.#timer = setTimeout(() => {
      this.#working = this.#check().finally(() => this.keep());
    }, every);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#working;
    await unregister(this.resource, undefined, this.#options);
  }

  async #check(): Promise<void> {
    try {
      await this.#reach();
      const moved = this.#connection.relayId !== this.#registered.relayId;
      if (moved || Date.now() - this.#registered.at >= renewalMs(this.#options)) await this.register();
    } catch (reason) {
      const error =
        reason instanceof RegistryError ? reason : new RegistryError("provide", [textOf(reason)], { cause: reason });
      this.#options.onError?.(error);
    }
  }

  /** Sees that the relay answers, and goes to another one if it does not. */
  async #reach(): Promise<void> {
    const { peer, config } = context(this.#options);
    try {
      await scripts.getResourceId(peer, "", peer.getPeerId(), config);
    } catch {
      await this.#connection.reconnect();
    }
  }
}
