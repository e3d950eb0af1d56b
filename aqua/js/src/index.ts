// Before all that loads the JS client.
import "./promise.js";
export { type Answer, call, callOne } from "./call.js";
export { type CallOptions, connect, Connection, type ConnectOptions, type Handlers, type Json } from "./connection.js";
export { type NodeError, RegistryError } from "./errors.js";
export { provide, type Provided, type ProvideOptions, type ProvideRequest } from "./provide.js";
export {
  createOpenResource,
  createResource,
  type Found,
  openResourceId,
  type Provider,
  registerNode,
  registerOpenNode,
  resolveAlive,
  type Resource,
  type ResolveOptions,
  resolveProviders,
  resourceId,
  unregister,
} from "./resources.js";
export { DIRECTORY, resolveThrough } from "./through.js";
export { type Change, watchProviders, type WatchOptions } from "./watch.js";
