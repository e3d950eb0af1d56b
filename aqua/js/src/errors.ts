/** What one node said. */
export interface NodeError {
  /** The node; none where the client itself has failed. */
  peerId: string | null;
  text: string;
}

/** A call that has failed, with the text of every node. */
export class RegistryError extends Error {
  readonly errors: readonly NodeError[];

  constructor(what: string, texts: readonly string[], options?: ErrorOptions) {
    const errors = texts.map(nodeError);
    const said = errors.map(({ peerId, text }) => (peerId === null ? text : `${peerId}: ${text}`));
    super(`${what}:\n${said.length > 0 ? said.join("\n") : "no node has said why"}`, options);
    this.name = "RegistryError";
    this.errors = errors;
  }
}

// Peer ids of Ed25519 keys, which is what nodes have, begin so and have 52 characters.
const FROM_NODE = /^(12D3KooW[1-9A-HJ-NP-Za-km-z]{44}): (.*)$/s;

/** @internal */
export function nodeError(text: string): NodeError {
  const match = FROM_NODE.exec(text);
  return match ? { peerId: match[1]!, text: said(match[2]!) } : { peerId: null, text: said(text) };
}

// What AquaVM makes of an error that a service returns; most services return it as JSON.
const OF_SERVICE = /Local service error, ret_code is -?\d+, error message is '(.*)'$/s;

/** What the service said, without AquaVM's words around it. */
function said(text: string): string {
  const [, message] = OF_SERVICE.exec(text) ?? [];
  if (message === undefined) return text;
  try {
    const parsed: unknown = JSON.parse(message);
    return typeof parsed === "string" ? parsed : message;
  } catch {
    return message;
  }
}

/** What the JS client rejects with: an `Error`, a text, or the error object of a script. */
export function textOf(reason: unknown): string {
  if (reason instanceof Error) return reason.message;
  if (typeof reason === "object" && reason !== null && "message" in reason) return String(reason.message);
  return String(reason);
}
