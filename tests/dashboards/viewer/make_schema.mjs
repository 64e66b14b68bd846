// make_schema.mjs: writes ../grafana.schema.json, a JSON Schema for each type that schema_entry.ts exports.
import { readFileSync, writeFileSync } from 'node:fs';
import { createGenerator } from 'ts-json-schema-generator';

const grafana = JSON.parse(readFileSync('node_modules/@grafana/schema/package.json', 'utf8'));
const types = [...readFileSync('schema_entry.ts', 'utf8').matchAll(/^export type (\w+)/gm)].map((match) => match[1]);
const schemas = {
  $comment: `Made by viewer/make_schema.mjs from the types of ${grafana.name} ${grafana.version} (${grafana.author}, ${grafana.license}).`,
};
for (const type of types) {
  schemas[type] = createGenerator({
    path: 'schema_entry.ts',
    tsconfig: 'tsconfig.json',
    type,
    skipTypeCheck: true,
    additionalProperties: false,
    topRef: true,
  }).createSchema(type);
}
const withoutProse = (key, value) => (key === 'description' && typeof value === 'string' ? undefined : value);
writeFileSync('../grafana.schema.json', `${JSON.stringify(schemas, withoutProse, 1)}\n`);
console.log(`${types.length} types`);
