// How the joined modules of the service and of its tests load packages; plugins of rolldown, for scripts/bundle.mjs and scripts/run-tests.mjs.

/** Packages with native code or with files beside their modules, which other packages require. They are loaded from node_modules. */
export const EXTERNAL = [/^(thread-stream|pg-native)(\/|$)/, /^protobufjs\//];

const REQUIRED = '\0required:';

/**
 * Packages of that kind which modules of this project import. They are loaded by `require`: for an import Node.js parses CommonJS modules for the names of
 * their exports, in each process and thread, and sharp has another form of twice as many files. An import of sharp takes 80 ms of processor
 * time, `require` 30 ms. For an import of node:http, Node.js reads all properties of the module and so loads its WebSocket client, which takes 60 ms.
 */
export const requirePackages = {
  name: 'require-packages',
  resolveId: {
    filter: { id: /^(onnxruntime-node|sharp|protobufjs|node:http)$/ },
    handler: (id, importer) => (importer?.startsWith(REQUIRED) ? { id, external: true } : { id: `${REQUIRED}${id}` }),
  },
  load: {
    filter: { id: new RegExp(`^${REQUIRED}`) },
    handler: (id) => ({ code: `module.exports = require(${JSON.stringify(id.slice(REQUIRED.length))});`, moduleType: 'js' }),
  },
};

/** The page of the API document is joined as well, with all that it requires, and finds its files in the folder of its package. */
export const placeOfSwaggerUi = {
  name: 'place-of-swagger-ui',
  transform: {
    filter: { id: /@fastify\/swagger-ui\/(index|lib\/routes)\.js$/ },
    handler: (code, id) => {
      const folder = `require('node:path').dirname(require.resolve('@fastify/swagger-ui'))`;
      const place = id.endsWith('index.js') ? folder : `require('node:path').join(${folder}, 'lib')`;
      return { code: code.replaceAll('__dirname', place), map: null }; // lines stay
    },
  },
};
