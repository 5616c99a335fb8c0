import { useEffect, useState } from 'preact/hooks';
import type { DeadLetterAnswer, DeadLetterSummary, DeadLettersAnswer, ReplayAnswer } from '../api/contract.ts';
import { pathTo } from '../api/paths.ts';
import { type FunctionName, get, replay } from './api.ts';
import { Confirm } from './confirm.tsx';
import { whole } from './figures.ts';
import { useLoaded } from './loaded.ts';
import { At, Empty, Failure, Panel, Waiting } from './parts.tsx';

const pageSize = 50;

/** What the function could not handle: to be looked at, and sent back to it. */
export function DeadLetters({ name, total }: { readonly name: FunctionName; readonly total: number | undefined }) {
  const path = pathTo('deadLetters', name, { limit: pageSize });
  const { value, error, reload } = useLoaded(() => get<DeadLettersAnswer>(path), 10_000);
  const [asking, setAsking] = useState<readonly string[] | 'all'>();
  const [said, setSaid] = useState('');
  useEffect(reload, [total]);
  const open = value?.deadLetters.filter(one => !one.replayed).length ?? 0;
  return (
    <Panel
      title="Dead letters"
      wide
      note={
        open > 0 && (
          <button type="button" onClick={() => setAsking('all')}>
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
            <Letter key={letter.id} name={name} letter={letter} onReplay={() => setAsking([letter.id])} />
          ))}
        </ul>
      )}
      {value !== undefined && value.total > value.deadLetters.length && (
        <p class="note">
          {whole(value.total)} in all; <code>faas dlq list</code> shows the rest.
        </p>
      )}
      {asking !== undefined && (
        <Confirm
          title={asking === 'all' ? 'Replay all dead letters?' : 'Replay this dead letter?'}
          action="Replay"
          work={async () => setSaid(sentence(await replay(name, asking)))}
          onDone={reload}
          onClose={() => setAsking(undefined)}
        >
          <p>
            It is appended to the inbox of the function again and handled by the live revision. Each is handled once, however often it is
            replayed.
          </p>
        </Confirm>
      )}
    </Panel>
  );
}

function sentence({ replayed, known, missing }: ReplayAnswer): string {
  const parts = [`${replayed.length} replayed`];
  if (known.length > 0) parts.push(`${known.length} were replayed before`);
  if (missing.length > 0) parts.push(`${missing.length} are gone`);
  return parts.join(', ');
}

function Letter({
  name,
  letter,
  onReplay,
}: {
  readonly name: FunctionName;
  readonly letter: DeadLetterSummary;
  readonly onReplay: () => void;
}) {
  const [isOpen, setOpen] = useState(false);
  return (
    <li>
      <details onToggle={event => setOpen(event.currentTarget.open)}>
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
        {isOpen && <Content name={name} id={letter.id} />}
      </details>
      {letter.replayed ? (
        <span class="badge quiet">Replayed</span>
      ) : (
        <button type="button" onClick={onReplay} aria-label={`Replay ${letter.id}`}>
          Replay
        </button>
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
      <pre tabIndex={0}>{text}</pre>
    </>
  );
}
