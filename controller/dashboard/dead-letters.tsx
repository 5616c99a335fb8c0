import { useEffect, useState } from 'preact/hooks';
import type { DeadLetterAnswer, DeadLetterSummary, DeadLettersAnswer, DropAnswer, ReplayAnswer } from '../api/contract.ts';
import { pathTo } from '../api/paths.ts';
import { drop, type FunctionName, get, replay } from './api.ts';
import { Confirm } from './confirm.tsx';
import { whole } from './figures.ts';
import { useLoaded } from './loaded.ts';
import { At, Empty, Failure, Panel, Waiting } from './parts.tsx';

const pageSize = 50;

/** What the function could not handle: to be looked at, and sent back to it. */
export function DeadLetters({ name, total }: { readonly name: FunctionName; readonly total: number | undefined }) {
  const path = pathTo('deadLetters', name, { limit: pageSize });
  const { value, error, reload } = useLoaded(() => get<DeadLettersAnswer>(path), 10_000);
  const [asking, setAsking] = useState<Asking>();
  const [said, setSaid] = useState('');
  useEffect(reload, [total]);
  const open = value?.deadLetters.filter(isOpen).length ?? 0;
  return (
    <Panel
      title="Dead letters"
      wide
      note={
        open > 0 && (
          <button type="button" onClick={() => setAsking({ kind: 'replay', ids: 'all' })}>
            Replay all
          </button>
        )
      }
    >
      <p class="note" role="status">
        {said}
      </p>
      {error !== undefined && value === undefined && <Failure error={error} again={reload} />}
      {error === undefined && value === undefined && <Waiting lines={3} />}
      {value?.deadLetters.length === 0 && <Empty title="None: every event was handled" />}
      {value !== undefined && value.deadLetters.length > 0 && (
        <ul class="log letters">
          {value.deadLetters.map(letter => (
            <Letter key={letter.id} name={name} letter={letter} onAsk={kind => setAsking({ kind, ids: [letter.id] })} />
          ))}
        </ul>
      )}
      {value !== undefined && value.total > value.deadLetters.length && (
        <p class="note">
          {whole(value.total)} in all; <code>faas dlq list</code> shows the rest.
        </p>
      )}
      {asking !== undefined && <Ask name={name} asking={asking} onSaid={setSaid} onDone={reload} onClose={() => setAsking(undefined)} />}
    </Panel>
  );
}

/** What a person is asked about before it is done. */
type Asking =
  | { readonly kind: 'replay'; readonly ids: readonly string[] | 'all' }
  | { readonly kind: 'drop'; readonly ids: readonly string[] };

interface AskProps {
  readonly name: FunctionName;
  readonly asking: Asking;
  readonly onSaid: (sentence: string) => void;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

function Ask({ name, asking, onSaid, onDone, onClose }: AskProps) {
  if (asking.kind === 'drop') {
    return (
      <Confirm
        title="Drop this dead letter?"
        action="Drop"
        work={async () => onSaid(dropped(await drop(name, asking.ids)))}
        onDone={onDone}
        onClose={onClose}
      >
        <p>It counts as handled from now on and cannot be replayed any more.</p>
      </Confirm>
    );
  }
  return (
    <Confirm
      title={asking.ids === 'all' ? 'Replay all dead letters?' : 'Replay this dead letter?'}
      action="Replay"
      work={async () => onSaid(replayed(await replay(name, asking.ids)))}
      onDone={onDone}
      onClose={onClose}
    >
      <p>
        It is appended to the inbox of the function again and handled by the live revision. Each is handled once, however often it is
        replayed.
      </p>
    </Confirm>
  );
}

function isOpen(letter: DeadLetterSummary): boolean {
  return !letter.replayed && !letter.dropped;
}

function dropped({ dropped: ids, known }: DropAnswer): string {
  return known.length > 0 ? 'it was handled or dropped before' : `${ids.length} dropped`;
}

function replayed({ replayed: ids, known, missing }: ReplayAnswer): string {
  const parts = [`${ids.length} replayed`];
  if (known.length > 0) parts.push(`${known.length} were handled before`);
  if (missing.length > 0) parts.push(`${missing.length} are gone`);
  return parts.join(', ');
}

function Letter({
  name,
  letter,
  onAsk,
}: {
  readonly name: FunctionName;
  readonly letter: DeadLetterSummary;
  readonly onAsk: (kind: Asking['kind']) => void;
}) {
  const [isShown, setShown] = useState(false);
  return (
    <li>
      <details onToggle={event => setShown(event.currentTarget.open)}>
        <summary>
          <At atMs={letter.atMs} />
          <span class="log-text">
            <strong>{letter.reason}</strong> {letter.error.message}
            <span class="dim">
              {' '}
              · {letter.attempts} {letter.attempts === 1 ? 'attempt' : 'attempts'} · {letter.revision}
            </span>
          </span>
        </summary>
        {isShown && <Content name={name} id={letter.id} />}
      </details>
      {isOpen(letter) ? (
        <span class="letter-actions">
          <button type="button" onClick={() => onAsk('replay')} aria-label={`Replay ${letter.id}`}>
            Replay
          </button>
          <button type="button" class="quiet" onClick={() => onAsk('drop')} aria-label={`Drop ${letter.id}`}>
            Drop
          </button>
        </span>
      ) : (
        <span class="badge quiet">{letter.dropped ? 'Dropped' : 'Replayed'}</span>
      )}
    </li>
  );
}

function Content({ name, id }: { readonly name: FunctionName; readonly id: string }) {
  const { value, error } = useLoaded(() => get<DeadLetterAnswer>(pathTo('deadLetter', { ...name, id })), 60_000);
  if (error !== undefined && value === undefined) return <Failure error={error} />;
  if (value === undefined) return <Waiting lines={3} />;
  const { origin } = value;
  return (
    <div class="letter">
      <dl class="facts">
        <div>
          <dt>Event</dt>
          <dd>{value.eventId}</dd>
        </div>
        <div>
          <dt>Key</dt>
          <dd>{value.key ?? 'none'}</dd>
        </div>
        <div>
          <dt>From</dt>
          <dd>
            {origin.topic}, partition {origin.partition}, offset {origin.offset}
          </dd>
        </div>
        <div>
          <dt>Error</dt>
          <dd>
            {value.error.code} {value.error.name}
          </dd>
        </div>
      </dl>
      <Text title="Payload" text={value.value ?? (value.valueBase64 === undefined ? 'none' : `base64: ${value.valueBase64}`)} />
      {value.error.stack !== undefined && <Text title="Stack" text={value.error.stack} />}
      {value.headers.length > 0 && (
        <Text title="Headers" text={value.headers.map(header => `${header.name}: ${header.value}`).join('\n')} />
      )}
    </div>
  );
}

function Text({ title, text }: { readonly title: string; readonly text: string }) {
  return (
    <>
      <h3>{title}</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>{text}</pre>
    </>
  );
}
