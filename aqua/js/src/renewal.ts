/** What is said of how long a registration lives, and how often it is made anew. */
export interface RenewalOptions {
  /** Registers for this time only, 60 to 86,400 seconds: where the client is gone, so is the registration when it ends. */
  leaseSec?: number;
  /** How often to register anew, in milliseconds; a third of the lease unless given, or every 8 hours of 24. */
  renewEveryMs?: number;
}

const RENEW_EVERY_MS = 8 * 3_600_000;

/** How often to register anew, in milliseconds. */
export function renewalMs({ leaseSec, renewEveryMs }: RenewalOptions): number {
  return renewEveryMs ?? (leaseSec === undefined ? RENEW_EVERY_MS : (leaseSec * 1_000) / 3);
}
