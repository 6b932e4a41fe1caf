/** Makes `src/generated` from the document of the service, which `clients/build` has fetched. */
export default {
  input: process.env.OPENAPI ?? 'openapi.json',
  output: { path: 'src/generated', importFileExtension: '.js' },
  logs: { level: 'warn', file: false },
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
};
