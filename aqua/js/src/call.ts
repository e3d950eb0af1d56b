import { callProvider_script as template } from "./scripts.js";
import { connectionOf, type Json, runScript } from "./connection.js";
import { RegistryError, textOf } from "./errors.js";
import { type Provider, resolveProviders, type ResolveOptions } from "./resources.js";

/** What one provider has answered. */
export type Answer = { provider: Provider } & ({ result: Json; error?: undefined } | { result?: undefined; error: RegistryError });

// What is called in the template, and with what.
const CALL = /"act"\s*\)\s*\[\s*([^\s\]]+)\s*\]/;
const FUNCTION = /^[A-Za-z][A-Za-z0-9_]*$/;

/**
 * Calls a function of a service on every provider of a resource, side by side. Answers come in the order in which they are
 * there; a provider that hangs or is gone delays none of the others, and is an error when its time is over. The look-up may take the
 * time of a call, and so may each provider after it.
 *
 * `service` is the id of a service that all providers have; with `null` each is called at the service that it has registered, and
 * providers without one are left out.
 *
 * @throws {RegistryError} if no node knows the resource
 */
export async function* call(
  resource: string,
  service: string | null,
  name: string,
  args: readonly Json[],
  options: ResolveOptions = {},
): AsyncGenerator<Answer, void, undefined> {
  const script = scriptFor(name, args.length);
  const providers = await resolveProviders(resource, options);
  const waiting = new Map<number, Promise<[number, Answer]>>();
  providers.forEach((provider, index) => {
    const serviceId = service ?? provider.serviceId;
    if (serviceId === null) return;
    const answer = callProvider(provider, serviceId, `${serviceId}.${name}`, script, args, options);
    waiting.set(index, answer.then((answer) => [index, answer]));
  });
  while (waiting.size > 0) {
    const [index, answer] = await Promise.race(waiting.values());
    waiting.delete(index);
    yield answer;
  }
}

const TRIES_MAX = 3;
const TRY_MIN_MS = 1_000;

/** How long a try has of what is left for it and those after it. */
function shareOf(leftMs: number, triesLeft: number, ttlMs: number): number {
  const longest = Math.max(ttlMs / TRIES_MAX, TRY_MIN_MS);
  return Math.floor(Math.min(Math.max(leftMs / triesLeft, TRY_MIN_MS), longest, leftMs));
}

/**
 * Calls a function on one provider: the first that succeeds of at most three, beginning with any of them. All ends within the time
 * of the call: the tries share what the look-up has left, each at most a third of the time, and none has less than 1 s while there is
 * as much. A provider that was too late may have done it all the same. `service` is as for `call`.
 *
 * @throws {RegistryError} if none has succeeded, with what each said
 */
export async function callOne(
  resource: string,
  service: string | null,
  name: string,
  args: readonly Json[],
  options: ResolveOptions = {},
): Promise<{ provider: Provider; result: Json }> {
  const script = scriptFor(name, args.length);
  const ttlMs = options.ttlMs ?? connectionOf(options).ttlMs;
  const end = Date.now() + ttlMs;
  const found = await resolveProviders(resource, options);
  const providers = found.filter(({ serviceId }) => service !== null || serviceId !== null);
  const first = Math.floor(Math.random() * providers.length);
  const tried = [...providers.slice(first), ...providers.slice(0, first)].slice(0, TRIES_MAX);
  const errors: string[] = [];
  for (const [index, provider] of tried.entries()) {
    const serviceId = service ?? provider.serviceId!;
    const share = shareOf(end - Date.now(), tried.length - index, ttlMs);
    if (share <= 0) {
      errors.push(`${provider.peerId}: not called, because the time was over`);
      continue;
    }
    const limited = { ...options, ttlMs: share };
    const answer = await callProvider(provider, serviceId, `${serviceId}.${name}`, script, args, limited);
    if (answer.error === undefined) return { provider, result: answer.result };
    errors.push(...answer.error.errors.map(({ text }) => `${provider.peerId}: ${text}`));
  }
  throw new RegistryError(`callOne(${resource})`, errors.length > 0 ? errors : ["the resource has no provider to call"]);
}

async function callProvider(
  provider: Provider,
  serviceId: string,
  what: string,
  script: string,
  args: readonly Json[],
  options: ResolveOptions,
): Promise<Answer> {
  try {
    const connection = connectionOf(options);
    const relayId = provider.relayId === null ? [] : [provider.relayId];
    const result = await runScript(
      connection,
      script,
      { peer_id: provider.peerId, relay_id: relayId, service_id: serviceId, arguments: [...args] },
      options.ttlMs ?? connection.ttlMs,
    );
    return { provider, result: result as Json };
  } catch (reason) {
    const error = new RegistryError(`${what} of ${provider.peerId}`, [textOf(reason)], { cause: reason });
    return { provider, error };
  }
}

/** The template with another function, and that many arguments. */
function scriptFor(name: string, count: number): string {
  if (!FUNCTION.test(name)) throw new TypeError(`\`${name}\` is no name of a function`);
  return template.replace(CALL, (_, list: string) => {
    const items = Array.from({ length: count }, (_, index) => `${list}.$.[${index}]`);
    return `"${name}")[${items.join(" ")}]`;
  });
}
