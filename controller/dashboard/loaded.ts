import { useEffect, useState } from 'preact/hooks';
import { connection } from './live.ts';

/** What a view that reads once more than the stream shows while it waits, and when it fails. */
export interface Loaded<Value> {
  readonly value: Value | undefined;
  readonly error: Error | undefined;
  readonly reload: () => void;
}

/** Reads at once, when the connection comes back, and every `everyMs`; what was read before stays until there is something newer. */
export function useLoaded<Value>(read: () => Promise<Value>, everyMs: number): Loaded<Value> {
  const [value, setValue] = useState<Value>();
  const [error, setError] = useState<Error>();
  const [turn, setTurn] = useState(0);
  const isLive = connection.value.kind === 'live';
  useEffect(() => {
    let isGone = false;
    const load = () =>
      read().then(
        next => {
          if (isGone) return;
          setValue(next);
          setError(undefined);
        },
        failure => isGone || setError(failure instanceof Error ? failure : new Error(String(failure))),
      );
    void load();
    const timer = setInterval(() => void load(), everyMs);
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  }, [turn, isLive]);
  return { value, error, reload: () => setTurn(before => before + 1) };
}
