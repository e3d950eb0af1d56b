import * as scripts from "./scripts.js";
import { type CallOptions, connectionOf } from "./connection.js";
import { RegistryError, textOf } from "./errors.js";

/** A resource: what providers register under. */
export interface Resource {
  id: string;
}

/** Who provides a resource. */
export interface Provider {
  peerId: string;
  /** The relay through which a client is reached; none for a node. */
  relayId: string | null;
  serviceId: string | null;
  value: string;
  /** Who registered it. */
  setBy: string;
  /** When. */
  registeredAt: Date;
  /** The issuer's signature. */
  signature: Uint8Array;
}

export interface ResolveOptions extends CallOptions {
  /** How many nodes must answer; 1 unless given. */
  ack?: number;
}

/** What the scripts return: what was asked for, and what every node said. */
type Outcome<T> = readonly [T, string[]];

/** The first result of a script; the errors alone where there is none. */
export async function succeed<T>(what: string, call: Promise<Outcome<T>>): Promise<NonNullable<T>> {
  const [value, errors] = await settle(what, call);
  if (value === null || value === undefined || value === false) throw new RegistryError(what, errors);
  return value;
}

async function settle<T>(what: string, call: Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await call;
  } catch (reason) {
    throw new RegistryError(what, [textOf(reason)], { cause: reason });
  }
}

/** What the functions of `scripts` take before and after their own arguments. */
export function context(options: CallOptions) {
  const connection = connectionOf(options);
  return { peer: connection.peer, config: { ttl: options.ttlMs ?? connection.ttlMs } };
}

/**
 * Creates a resource of the client's own. Doing it again changes nothing.
 *
 * @throws {RegistryError}
 */
export async function createResource(label: string, options: CallOptions = {}): Promise<Resource> {
  const { peer, config } = context(options);
  const id = await succeed(`createResource("${label}")`, scripts.createResource(peer, label, config));
  return { id };
}

/**
 * The id of the resource with this label and owner, whether it exists or not.
 *
 * @throws {RegistryError}
 */
export async function resourceId(label: string, owner: string, options: CallOptions = {}): Promise<string> {
  const { peer, config } = context(options);
  const call = scripts.getResourceId(peer, label, owner, config);
  // An empty id is none: the label or the owner cannot be one.
  const found = call.then((id): Outcome<string | null> => [id === "" ? null : id, [`no resource has label "${label}" and owner "${owner}"`]]);
  return succeed("resourceId", found);
}

/**
 * Registers a node as a provider. The node keeps the registration alive until it is removed.
 *
 * @throws {RegistryError}
 */
export async function registerNode(
  resource: string,
  node: string,
  value: string,
  serviceId: string | null = null,
  options: CallOptions = {},
): Promise<void> {
  const { peer, config } = context(options);
  await succeed(`registerNode(${resource}, ${node})`, scripts.registerNodeProvider(peer, node, resource, value, serviceId, config));
}

/**
 * Voids what the client has registered for a peer, itself unless another one is given.
 *
 * @throws {RegistryError}
 */
export async function unregister(resource: string, peerId?: string, options: CallOptions = {}): Promise<void> {
  const { peer, config } = context(options);
  const call = scripts.unregisterService(peer, resource, peerId ?? peer.getPeerId(), config);
  await succeed(`unregister(${resource})`, call);
}

/**
 * The providers of a resource, as far as `ack` nodes know.
 *
 * @throws {RegistryError} if no node knows the resource, or too few have answered
 */
export async function resolveProviders(resource: string, options: ResolveOptions = {}): Promise<Provider[]> {
  const { peer, config } = context(options);
  const call = scripts.resolveProviders(peer, resource, options.ack ?? 1, config);
  const [records, errors] = await settle(`resolveProviders(${resource})`, call);
  if (records.length === 0 && errors.length > 0) throw new RegistryError(`resolveProviders(${resource})`, errors);
  return records.map((record) => ({
    peerId: record.peer_id,
    relayId: record.relay_id[0] ?? null,
    serviceId: record.service_id[0] ?? null,
    value: record.value,
    setBy: record.set_by,
    registeredAt: new Date(record.timestamp_created * 1_000),
    signature: Uint8Array.from(record.signature),
  }));
}
