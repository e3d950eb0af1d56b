import { RegistryError, textOf } from "./errors.js";
import { type Provider, resolveProviders, type ResolveOptions } from "./resources.js";

/** What has changed since the last time. */
export interface Change {
  added: Provider[];
  /** Another value, relay or time than before. */
  changed: Provider[];
  gone: Provider[];
  /** All that there are now. */
  providers: Provider[];
}

export interface WatchOptions extends ResolveOptions {
  /** How long to wait from one look to the next, in milliseconds; 5,000 unless given. */
  everyMs?: number;
  /** Ends it. */
  signal?: AbortSignal;
  /** Is told what has failed; the next look is taken all the same. */
  onError?: (error: RegistryError) => void;
}

const EVERY_MS = 5_000;

/**
 * Looks at the providers of a resource again and again, and tells what has changed. The first time all are new. Returns
 * when the signal says so.
 */
export async function watchProviders(
  resource: string,
  changed: (change: Change) => void,
  options: WatchOptions = {},
): Promise<void> {
  const { signal } = options;
  let known: Map<string, Provider> | undefined;
  while (!signal?.aborted) {
    let providers: Provider[] | undefined;
    try {
      providers = await resolveProviders(resource, options);
    } catch (reason) {
      const error =
        reason instanceof RegistryError ? reason : new RegistryError("watchProviders", [textOf(reason)], { cause: reason });
      options.onError?.(error);
    }
    if (providers !== undefined && !signal?.aborted) {
      const now = new Map(providers.map((provider) => [identity(provider), provider]));
      const change = difference(known ?? new Map(), now);
      const isFirst = known === undefined;
      known = now;
      if (isFirst || change.added.length + change.changed.length + change.gone.length > 0) changed(change);
    }
    await pause(options.everyMs ?? EVERY_MS, signal);
  }
}

function identity({ setBy, peerId, serviceId }: Provider): string {
  return JSON.stringify([setBy, peerId, serviceId]);
}

function difference(before: Map<string, Provider>, now: Map<string, Provider>): Change {
  const providers = [...now.values()];
  const state = (provider: Provider | undefined) => JSON.stringify([provider?.value, provider?.relayId, provider?.registeredAt]);
  return {
    added: providers.filter((provider) => !before.has(identity(provider))),
    changed: providers.filter((provider) => {
      const old = before.get(identity(provider));
      return old !== undefined && state(old) !== state(provider);
    }),
    gone: [...before].filter(([id]) => !now.has(id)).map(([, provider]) => provider),
    providers,
  };
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}
