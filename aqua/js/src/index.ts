// Before all that loads the JS client.
import "./promise.js";
export { type Answer, call, callOne } from "./call.js";
export { type CallOptions, connect, Connection, type ConnectOptions, type Handlers, type Json } from "./connection.js";
export { type NodeError, RegistryError } from "./errors.js";
export { provide, type Provided, type ProvideOptions, type ProvideRequest } from "./provide.js";
export {
  createOpenResource,
  createResource,
  DIRECTORY,
  type Found,
  openResourceId,
  type Provider,
  registerNode,
  registerOpenNode,
  resolveAlive,
  type Resource,
  type ResolveOptions,
  resolveProviders,
  resolveThrough,
  resourceId,
  unregister,
} from "./resources.js";
export { type Change, watchProviders, type WatchOptions } from "./watch.js";
