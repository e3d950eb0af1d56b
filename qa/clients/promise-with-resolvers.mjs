// `Promise.withResolvers` for Node.js before 22: `node --import` this file. The JS client and Fluence CLI call it.

Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new this((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { promise, resolve, reject };
};
