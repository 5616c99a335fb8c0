import type { CommandSpec } from './command.ts';
import type { FlagSpec } from './flag-spec.ts';

export interface CompletedCommand {
  readonly command: CommandSpec;
  readonly flags: readonly FlagSpec[];
}

/** A script that completes commands, flags and the values of flags and arguments that have a fixed set. */
export function completionScript(shell: string, commands: readonly CompletedCommand[]): string {
  if (shell === 'zsh') return zsh(commands);
  return shell === 'fish' ? fish(commands) : bash(commands);
}

/** Their values are paths. */
const fileFlags = ['--file', '-f', '--data', '--secrets-dir'] as const;

function firstWords(commands: readonly CompletedCommand[]): readonly string[] {
  return [...new Set(commands.map(({ command }) => command.name.split(' ')[0] ?? ''))];
}

/** `state` → `get list` */
function secondWords(commands: readonly CompletedCommand[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const { command } of commands) {
    const [first = '', second] = command.name.split(' ');
    if (second !== undefined) groups.set(first, [...(groups.get(first) ?? []), second]);
  }
  return groups;
}

function wordsAfter({ command, flags }: CompletedCommand): readonly string[] {
  return [...command.args.flatMap(argument => argument.choices ?? []), ...flags.map(flag => `--${flag.name}`)];
}

function choicesOf(commands: readonly CompletedCommand[]): ReadonlyMap<string, readonly string[]> {
  return new Map(
    commands.flatMap(({ flags }) => flags.flatMap(flag => (flag.choices === undefined ? [] : [[`--${flag.name}`, flag.choices] as const]))),
  );
}

function bash(commands: readonly CompletedCommand[]): string {
  const cases = commands.map(entry => `    '${entry.command.name}') words='${wordsAfter(entry).join(' ')}' ;;`);
  const groups = [...secondWords(commands)].map(([first, seconds]) => `    '${first}') words='${seconds.join(' ')}' ;;`);
  const values = [...choicesOf(commands)].map(([flag, choices]) => `    ${flag}) words='${choices.join(' ')}' ;;`);
  return `# faas completion for bash: source <(faas completion bash)
_faas() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words=''
  local name="\${COMP_WORDS[1]}"
  case "$name" in
    ${[...secondWords(commands).keys()].join('|')}) [ "$COMP_CWORD" -gt 2 ] && name="$name \${COMP_WORDS[2]}" ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && name=''
  case "$name" in
    '') words='${firstWords(commands).join(' ')}' ;;
${[...groups, ...cases].join('\n')}
  esac
  case "$before" in
${values.join('\n')}
    ${fileFlags.join('|')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _faas faas`;
}

function zsh(commands: readonly CompletedCommand[]): string {
  const firsts = firstWords(commands).map(first => [first, summaryOf(commands, first)] as const);
  const groups = [...secondWords(commands)].map(([first, seconds]) => {
    const described = seconds.map(second => [second, summaryOf(commands, `${first} ${second}`)] as const);
    return `    ${first}) found=(${zshList(described)}) ;;`;
  });
  const cases = commands.map(({ command, flags }) => {
    const choices = command.args.flatMap(argument => argument.choices ?? []).map(choice => [choice, ''] as const);
    return `    '${command.name}') found=(${zshList([...choices, ...flags.map(flag => [`--${flag.name}`, flag.meaning] as const)])}) ;;`;
  });
  const values = [...choicesOf(commands)].map(([flag, choices]) => `    ${flag}) compadd ${choices.join(' ')}; return ;;`);
  return `#compdef faas
# faas completion for zsh: faas completion zsh > "\${fpath[1]}/_faas"
_faas() {
  local -a found
  local name="\${words[2]}" before="\${words[CURRENT-1]}"
  case "$name" in
    ${[...secondWords(commands).keys()].join('|')}) (( CURRENT > 3 )) && name="$name \${words[3]}" ;;
  esac
  case "$before" in
${values.join('\n')}
    ${fileFlags.join('|')}) _files; return ;;
  esac
  (( CURRENT == 2 )) && name=''
  case "$name" in
    '') found=(${zshList(firsts)}) ;;
${[...groups, ...cases].join('\n')}
  esac
  _describe 'faas' found
}
compdef _faas faas`;
}

function summaryOf(commands: readonly CompletedCommand[], name: string): string {
  return commands.find(({ command }) => command.name === name)?.command.summary ?? '';
}

function zshList(list: readonly (readonly [name: string, meaning: string])[]): string {
  const quote = (text: string) => text.replaceAll("'", "'\\''").replaceAll(':', '\\:');
  return list.map(([name, meaning]) => `'${quote(name)}:${quote(meaning)}'`).join(' ');
}

function fish(commands: readonly CompletedCommand[]): string {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = ['# faas completion for fish: faas completion fish > ~/.config/fish/completions/faas.fish', 'complete -c faas -f'];
  for (const first of firstWords(commands)) {
    const own = commands.find(({ command }) => command.name === first);
    lines.push(`complete -c faas -n __fish_use_subcommand -a ${first}${own === undefined ? '' : ` -d ${quote(own.command.summary)}`}`);
  }
  for (const { command, flags } of commands) {
    const [first = '', second] = command.name.split(' ');
    const seen = `__fish_seen_subcommand_from ${first}`;
    if (second !== undefined)
      lines.push(`complete -c faas -n '${seen}; and test (count (commandline -opc)) -eq 2' -a ${second} -d ${quote(command.summary)}`);
    const condition = second === undefined ? seen : `${seen}; and __fish_seen_subcommand_from ${second}`;
    for (const choice of command.args.flatMap(argument => argument.choices ?? []))
      lines.push(`complete -c faas -n '${condition}' -a ${choice}`);
    for (const flag of flags) lines.push(fishFlag(condition, flag, quote));
  }
  return lines.join('\n');
}

function fishFlag(condition: string, flag: FlagSpec, quote: (text: string) => string): string {
  const short = flag.short === undefined ? '' : ` -s ${flag.short}`;
  const values =
    flag.choices === undefined
      ? flag.label === 'path' || flag.label === 'folder'
        ? ' -rF'
        : ' -x'
      : ` -x -a ${quote(flag.choices.join(' '))}`;
  return `complete -c faas -n '${condition}' -l ${flag.name}${short}${flag.kind === 'switch' ? '' : values} -d ${quote(flag.meaning)}`;
}
