import type { FaasEvent } from 'faas';

/** Answers what it was asked. */
export default function echo(event: FaasEvent): unknown {
  return event.data;
}
