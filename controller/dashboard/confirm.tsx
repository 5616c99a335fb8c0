import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Failure } from './parts.tsx';

/** Asks before something is changed; the dialog keeps the keyboard, and Escape leaves it. */
export function Confirm({
  title,
  action,
  work,
  onDone,
  onClose,
  children,
}: {
  readonly title: string;
  readonly action: string;
  readonly work: () => Promise<unknown>;
  readonly onDone: () => void;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<Error>();
  // Before the next key is read: an effect runs after the next picture, and an Escape before it would go to the page.
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const act = () => {
    setBusy(true);
    work().then(
      () => {
        onDone();
        onClose();
      },
      failure => {
        setError(failure instanceof Error ? failure : new Error(String(failure)));
        setBusy(false);
      },
    );
  };
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onClose={onClose}>
      <h2 id="confirm-title">{title}</h2>
      {children}
      {error !== undefined && <Failure error={error} />}
      <div class="actions">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="primary" disabled={isBusy} onClick={act}>
          {isBusy ? 'Working…' : action}
        </button>
      </div>
    </dialog>
  );
}
