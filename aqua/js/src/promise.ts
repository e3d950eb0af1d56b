// The JS client calls this, and Node.js has it from version 22 on: it must be there before the JS client is loaded.

interface WithResolvers {
  withResolvers?: () => { promise: Promise<unknown>; resolve: (value: unknown) => void; reject: (reason: unknown) => void };
}

(Promise as unknown as WithResolvers).withResolvers ??= function (this: PromiseConstructor) {
  let resolve!: (value: unknown) => void;
  let reject!: (reason: unknown) => void;
  const promise = new this<unknown>((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { promise, resolve, reject };
};

export {};
