// Describes an operation's variables as plain data, so that the serving thread can coerce values (GraphQL specification,
// section 6.1.2) without the schema. Invariant: only input types that the variables reach are described.

import {
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredInputField,
  typeFromAST,
  valueFromAST,
  type GraphQLInputType,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from "graphql";
import type { InputShape, TypeShape, VariableShape } from "./program.ts";

export interface VariableShapes {
  readonly variables: readonly VariableShape[];
  readonly inputs: Readonly<Record<string, InputShape>>;
}

export function variableShapes(schema: GraphQLSchema, operation: OperationDefinitionNode): VariableShapes {
  const inputs: Record<string, InputShape> = {};

  function shape(type: GraphQLInputType, required = false): TypeShape {
    if (isNonNullType(type)) return shape(type.ofType, true);
    if (isListType(type)) return { kind: "list", required, of: shape(type.ofType) };
    if (isEnumType(type)) {
      return { kind: "enum", required, name: type.name, values: type.getValues().map(({ name }) => name) };
    }
    if (!isInputObjectType(type)) return { kind: "scalar", required, name: type.name };
    if (inputs[type.name] === undefined) {
      const fields: Record<string, InputShape["fields"][string]> = {};
      // Entered before its fields are described: input types may contain themselves.
      inputs[type.name] = { fields, oneOf: type.isOneOf };
      for (const field of Object.values(type.getFields())) {
        fields[field.name] = { type: shape(field.type), optional: !isRequiredInputField(field) };
      }
    }
    return { kind: "input", required, name: type.name };
  }

  const variables = (operation.variableDefinitions ?? []).map((definition): VariableShape => {
    const type = typeFromAST(schema, definition.type) as GraphQLInputType;
    const name = definition.variable.name.value;
    const fallback = definition.defaultValue;
    return {
      name,
      type: shape(type),
      ...(fallback !== undefined && { fallback: { value: valueFromAST(fallback, type) } }),
    };
  });
  return { variables, inputs };
}
