import type { Clock } from '../clock.ts';
import type { ConditionBoard } from '../conditions/condition-board.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { Deployments } from '../functions/deployments.ts';
import type { DirectCalls } from '../gateway/direct-calls.ts';
import type { Secrets } from '../gateway/secrets.ts';
import type { Checkup } from '../ports/checkup.ts';
import type { History } from '../ports/history.ts';
import type { Registry } from '../ports/registry.ts';
import type { StateStore } from '../ports/state.ts';
import type { Streams } from '../ports/streams.ts';
import type { Random } from '../random.ts';
import type { Overrides } from '../scale/overrides.ts';
import type { ScaleView } from '../scale/scale-view.ts';
import type { Settings } from '../settings.ts';
import type { SettingOrigins } from '../settings-source.ts';
import type { PodDirectory } from '../wire/pod-directory.ts';

/** What the routes work on. */
export interface ApiPorts {
  readonly version: string;
  readonly startedAtMs: number;
  readonly settings: Settings;
  readonly origins: SettingOrigins;
  readonly registry: Registry;
  readonly state: StateStore;
  readonly streams: Streams;
  readonly history: History;
  readonly deployments: Deployments;
  readonly calls: DirectCalls;
  readonly dispatcher: Pick<Dispatcher, 'report'>;
  /** Whether that report is of all dispatchers: false in a process of a cluster that does not lead. */
  readonly seesAll: () => boolean;
  readonly conditions: Pick<ConditionBoard, 'of'>;
  readonly pods: Pick<PodDirectory, 'podsOf'>;
  readonly scale: ScaleView;
  readonly overrides: Overrides;
  /** Of the stores, for `faas doctor`. */
  examine(topics: ReadonlySet<string>): Promise<readonly Checkup[]>;
  readonly secrets: Pick<Secrets, 'check'>;
  readonly clock: Clock;
  readonly random: Random;
}
