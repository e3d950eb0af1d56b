import * as scripts from "./scripts.js";
import { type CallOptions, connectionOf } from "./connection.js";
import { type NodeError, nodeError, RegistryError, textOf } from "./errors.js";

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

export async function settle<T>(what: string, call: Promise<Outcome<T>>): Promise<Outcome<T>> {
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
 * Creates an open resource: everybody who knows the label finds it, and can provide it. Doing it again changes nothing.
 *
 * @throws {RegistryError}
 */
export async function createOpenResource(label: string, options: CallOptions = {}): Promise<Resource> {
  const { peer, config } = context(options);
  const id = await succeed(`createOpenResource("${label}")`, scripts.createOpenResource(peer, label, config));
  return { id };
}

/**
 * The id of the open resource with this label, whether it exists or not.
 *
 * @throws {RegistryError}
 */
export async function openResourceId(label: string, options: CallOptions = {}): Promise<string> {
  const { peer, config } = context(options);
  const call = scripts.getOpenResourceId(peer, label, config);
  const found = call.then((id): Outcome<string | null> => [id === "" ? null : id, [`no open resource has label "${label}"`]]);
  return succeed("openResourceId", found);
}

/**
 * Registers a node as a provider of an open resource, which is created with it.
 *
 * @throws {RegistryError}
 */
export async function registerOpenNode(
  label: string,
  node: string,
  value: string,
  serviceId: string | null = null,
  options: CallOptions = {},
): Promise<void> {
  const { peer, config } = context(options);
  const call = scripts.registerOpenNodeProvider(peer, node, label, value, serviceId, config);
  await succeed(`registerOpenNode("${label}", ${node})`, call);
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
  return records.map(providerOf);
}

/** Providers, and who is missing. */
export interface Found {
  providers: Provider[];
  /** What was left out, and why. */
  leftOut: readonly NodeError[];
}

/**
 * The providers that are there now: nodes that answer and have the service that they registered, clients that are connected to
 * their relay.
 *
 * @throws {RegistryError} if no node knows the resource, or no answer came
 */
export async function resolveAlive(resource: string, options: ResolveOptions = {}): Promise<Found> {
  const { peer, config } = context(options);
  const what = `resolveAlive(${resource})`;
  const [records, errors] = await settle(what, scripts.resolveAliveResource(peer, resource, options.ack ?? 1, config));
  if (records === null) throw new RegistryError(what, errors);
  return { providers: records.map(providerOf), leftOut: errors.map(nodeError) };
}

/** A record as scripts return it. */
export interface FlatRecord {
  key_id: string;
  value: string;
  peer_id: string;
  set_by: string;
  relay_id: string[];
  service_id: string[];
  timestamp_created: number;
  signature: number[];
}

export function providerOf(record: FlatRecord): Provider {
  return {
    peerId: record.peer_id,
    relayId: record.relay_id[0] ?? null,
    serviceId: record.service_id[0] ?? null,
    value: record.value,
    setBy: record.set_by,
    registeredAt: new Date(record.timestamp_created * 1_000),
    signature: Uint8Array.from(record.signature),
  };
}
