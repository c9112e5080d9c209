package secret

// Value returns a value with secrets in it masked, at any depth of lists and objects. name is its
// key. Unless leaf is nil, values of other types are replaced by the result of leaf.
func Value(name string, value any, leaf func(any) any) any {
	if value != nil && Key(name) {
		return Hidden
	}
	switch v := value.(type) {
	case string:
		return Mask(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = Value("", v[i], leaf)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, value := range v {
			object[name] = Value(name, value, leaf)
		}
		return object
	}
	if leaf != nil {
		return leaf(value)
	}
	return value
}
