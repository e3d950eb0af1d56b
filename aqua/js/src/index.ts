// Before all that loads the JS client.
import "./promise.js";
export { type Answer, call } from "./call.js";
export { type CallOptions, connect, Connection, type ConnectOptions, type Handlers, type Json } from "./connection.js";
export { type NodeError, RegistryError } from "./errors.js";
export { provide, type Provided, type ProvideOptions, type ProvideRequest } from "./provide.js";
export {
  createResource,
  type Provider,
  registerNode,
  type Resource,
  type ResolveOptions,
  resolveProviders,
  resourceId,
  unregister,
} from "./resources.js";
export { type Change, watchProviders, type WatchOptions } from "./watch.js";
