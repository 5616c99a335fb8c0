import { pathTo } from '../../controller/api/paths.ts';
import type { SettingsAnswer } from '../../controller/api/server-schema.ts';
import { envOf, flagOf, settingKeys, settingRow } from '../../controller/settings.ts';
import { printSetting } from '../../controller/settings-value.ts';
import type { Invocation } from '../command.ts';
import { connect } from '../connect.ts';
import { CommandFailure } from '../failure.ts';
import { table } from '../output.ts';
import { resolveSettings } from '../setting-flags.ts';

/** Of the running server; without one, what a server started here would have. */
export async function run(invocation: Invocation): Promise<number> {
  const { out } = invocation;
  const { settings } = await settingsOf(invocation);
  await out.result({ settings }, () =>
    table(
      ['SETTING', 'VALUE', 'FROM', 'VARIABLE'],
      settings.map(one => [one.key, one.text === '' ? '-' : one.text, one.origin, one.env]),
      (cell, column, row) => (column === 2 && settings[row]?.origin !== 'default' ? out.paint('yellow', cell) : cell),
    ),
  );
  return 0;
}

async function settingsOf(invocation: Invocation): Promise<SettingsAnswer> {
  try {
    return await (await connect(invocation)).get<SettingsAnswer>(pathTo('settings', {}));
  } catch (cause) {
    if (!(cause instanceof CommandFailure) || cause.code !== 'FAAS_NO_SERVER' || invocation.args.text('server') !== undefined) throw cause;
    invocation.out.progress('no server runs: this is what one started here would have');
    return settingsHere(invocation);
  }
}

async function settingsHere(invocation: Invocation): Promise<SettingsAnswer> {
  const { settings, origins } = await resolveSettings(invocation, false);
  return {
    settings: settingKeys.map(key => {
      const row = settingRow(key);
      return {
        key,
        value: settings[key],
        text: printSetting(row, settings[key]),
        origin: origins[key],
        flag: flagOf(key),
        env: envOf(key),
        meaning: row.meaning,
      };
    }),
  };
}
