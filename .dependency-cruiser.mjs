/** The rooms of the house and what each may import. A rule's comment says why, and what to do instead. */

/** Files that meet the outside: loops, servers, clients, routes. Everything else in a duty decides, and knows nothing of the world. */
const edge = '-(loop|server|client|routes?)\\.ts$';
const duties = 'api|cron|dispatch|fleet|functions|gateway|lag|scale|tune|watch';
/** What every file of the controller may use. */
const ground = '^controller/(clock|random|errors|error-codes|fault-points|entries)\\.ts$';
const servers = '(^|/)node_modules/(fastify|@fastify|undici|pino|prom-client)/';

export default {
  forbidden: [
    {
      name: 'no-circles',
      comment:
        'Two files that need each other are one subject: join them, or move what both need into a third. What is loaded late is no part of it.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['dynamic-import'] } },
    },
    {
      name: 'the-words-are-pure',
      comment: 'runtime/sdk and runtime/protocol are used in handlers, pods and servers alike: no Node, no packages.',
      severity: 'error',
      from: { path: '^runtime/(sdk|protocol)/' },
      to: { pathNot: '^runtime/(sdk|protocol)/' },
    },
    {
      name: 'a-pod-is-node-and-one-bundle',
      comment: 'runtime/ imports itself and Node: a package would be loaded at each cold start.',
      severity: 'error',
      from: { path: '^runtime/' },
      to: { pathNot: '^runtime/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'the-pod-has-doors',
      comment:
        'Others see the words (sdk, protocol) and the authors’ doors; what runs inside a pod is its own business, but for pods in memory.',
      severity: 'error',
      from: { path: '^(controller|cli|functions-examples)/', pathNot: '^controller/adapters/memory/memory-pods\\.ts$' },
      to: { path: '^runtime/', pathNot: '^runtime/(index\\.ts|testing/index\\.ts|sdk/|protocol/)' },
    },
    {
      name: 'ports-speak-our-language',
      comment: 'A port is an interface: it knows the manifest’s words, the form of a record, and nothing that implements it.',
      severity: 'error',
      from: { path: '^controller/ports/' },
      to: { pathNot: ['^controller/ports/', '^controller/manifest/spec\\.ts$', '^runtime/protocol/record\\.ts$'] },
    },
    {
      name: 'adapters-know-no-duty',
      comment: 'An adapter implements ports over its driver. What it would need of a duty belongs into the port.',
      severity: 'error',
      from: { path: '^controller/adapters/' },
      to: { path: `^controller/(${duties}|inbox|wire)/` },
    },
    {
      name: 'adapters-do-not-lean-on-each-other',
      comment: 'Swapping one must not touch another. What two share stands beside them, in controller/adapters/.',
      severity: 'error',
      from: { path: '^controller/adapters/([^/]+)/' },
      to: { path: '^controller/adapters/[^/]+/', pathNot: '^controller/adapters/$1/' },
    },
    {
      name: 'only-the-main-file-chooses-adapters',
      comment: 'Duties work on ports; main.ts, and the open-*.ts for it, load what the settings name.',
      severity: 'error',
      from: {
        path: '^(controller|cli)/',
        pathNot: [
          '^controller/adapters/',
          '^controller/(main|open-stores|open-kafka|open-redis|open-pods|open-kubernetes|upgrade-definitions)\\.ts$',
        ],
      },
      to: { path: '^controller/adapters/' },
    },
    {
      name: 'nobody-needs-the-main-file',
      comment: 'controller/main.ts puts everything together; only what starts a server in this process needs it.',
      severity: 'error',
      from: { pathNot: '^(controller/index|cli/server)\\.ts$' },
      to: { path: '^controller/main\\.ts$' },
    },
    {
      name: 'no-edge-calls-anothers-edge',
      comment: 'Duties meet in the ports, the registry and the internal protocol. A loop that calls a loop is a knot.',
      severity: 'error',
      from: { path: `^controller/(${duties})/.*${edge}` },
      to: { path: `^controller/(${duties})/.*${edge}`, pathNot: '^controller/$1/' },
    },
    {
      name: 'deciding-files-serve-nobody',
      comment: 'HTTP, clients and log writers belong into edge files; the rest takes what it needs and returns what it decides.',
      severity: 'error',
      from: { path: `^controller/(${duties}|inbox|manifest)/`, pathNot: [edge, '^controller/api/(mount-routes|health)\\.ts$'] },
      to: { path: servers },
    },
    {
      name: 'the-manifest-stands-alone',
      comment: 'The manifest is parsed in the CLI too: it knows no duty (but for the names that functions get), no port, no server.',
      severity: 'error',
      from: { path: '^controller/manifest/' },
      to: { path: '^controller/', pathNot: ['^controller/manifest/', '^controller/functions/live-function\\.ts$', ground] },
    },
    {
      name: 'telemetry-is-the-ground',
      comment: 'Everybody writes logs and metrics: telemetry needs nobody.',
      severity: 'error',
      from: { path: '^controller/telemetry/' },
      to: { path: '^controller/', pathNot: ['^controller/telemetry/', ground] },
    },
    {
      name: 'the-contract-costs-nothing',
      comment: 'Paths and shapes of the API are used by every client: paths.ts needs nothing, contract.ts only its schemas.',
      severity: 'error',
      from: { path: '^controller/api/(paths|contract|figure-text|[a-z]+-schema)\\.ts$' },
      to: { pathNot: ['^controller/api/[a-z]+-schema\\.ts$', '^controller/manifest/spec\\.ts$', '(^|/)node_modules/@sinclair/typebox/'] },
    },
    {
      name: 'commands-come-in-by-the-doors',
      comment:
        'The CLI knows the manifest, the contract, the tables, and how scaling decides, to try it without a server; the rest is behind the API. cli/server.ts alone starts a server.',
      severity: 'error',
      from: { path: '^cli/', pathNot: '^cli/server\\.ts$' },
      to: {
        path: '^controller/',
        pathNot: [
          '^controller/(manifest/|api/(contract|paths|figure-text|[a-z]+-schema)\\.ts$)',
          '^controller/scale/(simulate|policy|resolve-policy|reachable|figure-text)\\.ts$',
          '^controller/(version|settings[a-z-]*)\\.ts$',
          ground,
        ],
      },
    },
    {
      name: 'the-dashboard-is-a-client',
      comment: 'It runs in a browser and knows the contract, the paths, and its UI libraries.',
      severity: 'error',
      from: { path: '^controller/dashboard/' },
      to: {
        pathNot: [
          '^controller/dashboard/',
          '^controller/api/(contract|paths|figure-text|[a-z]+-schema)\\.ts$',
          '(^|/)node_modules/(preact|@preact/signals|@preact/signals-core|uplot)/',
        ],
      },
    },
    {
      name: 'nobody-needs-the-dashboard',
      comment: 'It is bundled by scripts/build-dashboard.mjs and served as files.',
      severity: 'error',
      from: { path: '^(runtime|controller|cli)/', pathNot: '^controller/dashboard/' },
      to: { path: '^controller/dashboard/' },
    },
    {
      name: 'examples-are-authors',
      comment: 'An example imports what an author can: faas, faas/testing, and its own files.',
      severity: 'error',
      from: { path: '^functions-examples/' },
      to: { path: '^(controller|cli|runtime|test|bench)/', pathNot: '^runtime/(index|testing/index)\\.ts$' },
    },
    {
      name: 'nothing-needs-the-tests',
      comment: 'What the product needs is not test code.',
      severity: 'error',
      from: { path: '^(runtime|controller|cli|functions-examples)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(test|bench|scripts)/' },
    },
    {
      name: 'packages-are-declared',
      comment: 'What the product imports is a dependency in package.json, not a development one and not somebody else’s.',
      severity: 'error',
      // The dashboard's libraries are in its bundle.
      from: { path: '^(runtime|controller|cli)/', pathNot: '^controller/dashboard/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'npm-bundled'] },
    },
  ],
  options: {
    // TypeScript 7 has no API that dependency-cruiser could use; swc reads the sources and sees imports of types as well.
    parser: 'swc',
    doNotFollow: { path: '^(node_modules|dist)/' },
    // It reads no JSX: what the dashboard's pages import is checked on their bundle, by test/dashboard.
    exclude: { path: '^cli/template/|\\.tsx$' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
