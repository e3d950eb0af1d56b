import * as scripts from "./scripts.js";
import { type NodeError, nodeError, RegistryError } from "./errors.js";
import { context, type FlatRecord, type Found, type Provider, providerOf, type ResolveOptions, settle } from "./resources.js";

/** The value of a provider that is a directory. */
export const DIRECTORY = "fluence-registry/directory/1";
const LISTED_MAX = 10_000;

/**
 * The providers of a resource and those that its directories list, one level deep, at most 10,000; of each provider the latest
 * record. That a listed provider is one is the directory's word: its signature is not checked here.
 *
 * @throws {RegistryError} if no node knows the resource, or no answer came
 */
export async function resolveThrough(resource: string, options: ResolveOptions = {}): Promise<Found> {
  const { peer, config } = context(options);
  const what = `resolveThrough(${resource})`;
  const [lists, errors] = await settle(what, scripts.resolveThroughDirectories(peer, resource, options.ack ?? 1, config));
  if (lists.length === 0) throw new RegistryError(what, errors);
  return gather(resource, lists, errors.map(nodeError));
}

/** Of each provider the latest record; what is left out is counted among the errors. `lists` begins with the providers that are no directories. */
export function gather(resource: string, lists: readonly FlatRecord[][], errors: readonly NodeError[]): Found {
  const gathered = new Map<string, Provider>();
  let [ofAnother, nested, beyond] = [0, 0, 0];
  for (const record of lists.flat()) {
    const provider = providerOf(record);
    const identity = JSON.stringify([provider.setBy, provider.peerId, provider.serviceId]);
    const held = gathered.get(identity);
    if (provider.value === DIRECTORY) nested++;
    else if (record.key_id !== resource) ofAnother++;
    else if (held === undefined && gathered.size >= LISTED_MAX) beyond++;
    else if (held === undefined || held.registeredAt < provider.registeredAt) gathered.set(identity, provider);
  }
  const leftOut = [...errors];
  for (const [count, which] of [
    [ofAnother, "that are of another resource"],
    [nested, "that are directories within directories"],
    [beyond, "beyond the first 10,000"],
  ] as const) {
    if (count > 0) leftOut.push({ peerId: null, text: `${count} listed providers are left out ${which}` });
  }
  return { providers: [...gathered.values()], leftOut };
}
