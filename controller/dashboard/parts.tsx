import type { ComponentChildren } from 'preact';
import { ApiFailure } from './api.ts';
import { nowMs, today, zone } from './browser.ts';
import { ago, bothZones, timeOfDay } from './figures.ts';
import { type Trouble, troubleText } from './trouble.ts';

/** Small pieces that every view uses. Text from elsewhere (names, messages, payloads) is only ever a text node. */
export function Badge({ trouble }: { readonly trouble: Trouble }) {
  return <span class={`badge ${trouble}`}>{troubleText[trouble]}</span>;
}

/** How long ago; the time itself, in both zones, under the pointer. */
export function Ago({ atMs }: { readonly atMs: number }) {
  return (
    <time dateTime={new Date(atMs).toISOString()} title={bothZones(atMs)}>
      {ago(atMs, nowMs.value)}
    </time>
  );
}

export function At({ atMs }: { readonly atMs: number }) {
  return (
    <time dateTime={new Date(atMs).toISOString()} title={bothZones(atMs)}>
      {timeOfDay(atMs, zone.value, today.value)}
    </time>
  );
}

export function Panel({
  title,
  note,
  wide,
  children,
}: {
  readonly title: string;
  readonly note?: ComponentChildren;
  readonly wide?: boolean;
  readonly children: ComponentChildren;
}) {
  const id = `panel-${title.toLowerCase().replace(/[^a-z]+/g, '-')}`;
  return (
    <section class={wide ? 'panel wide' : 'panel'} aria-labelledby={id}>
      <div class="panel-head">
        <h2 id={id}>{title}</h2>
        {note !== undefined && <div class="note">{note}</div>}
      </div>
      {children}
    </section>
  );
}

export function Failure({ error, again }: { readonly error: Error; readonly again?: () => void }) {
  return (
    <div class="failure" role="alert">
      <p>
        <strong>{error.message}</strong>
      </p>
      {error instanceof ApiFailure && error.hint !== undefined && <p>{error.hint}</p>}
      {again !== undefined && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** Takes the room of what is to come, so that nothing jumps. */
export function Waiting({ lines }: { readonly lines: number }) {
  return (
    <div class="waiting" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, index) => (
        <i key={index} />
      ))}
    </div>
  );
}

/** A wide table scrolls within itself, also by keyboard. */
export function Scroll({ label, children }: { readonly label: string; readonly children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
