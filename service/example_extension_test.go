package service_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// Letter is an entrypoint: each letter to the name in its tag is a call, with the text as argument.
type Letter struct{}

// Letterbox configures Letter: it is the box that letters are thrown into.
type Letterbox map[string]func(ctx context.Context, r service.Request) (any, error)

func (Letter) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	box, ok := service.Lookup[Letterbox](r.Host)
	if !ok {
		return nil, errors.New("no letterbox: add service.Configure(Letterbox{})")
	}
	_, err := r.Bind("read(text)")
	return &postman{row: r, box: box}, errors.Join(err, r.Tag.Keys("letter"))
}

type postman struct {
	row *service.Row
	box Letterbox
}

func (p *postman) Start(context.Context) error {
	p.box[p.row.Tag.Get("letter")] = p.row.Run
	return nil
}
func (p *postman) Stop(context.Context) error { return nil }

// Color is a dependency: the color in its tag.
type Color string

func (Color) Dependency(f *service.Field) (any, error) {
	if value, _ := f.Value().(Color); value != "" { // a test's
		return value, nil
	}
	return Color(f.Tag.Get("color")), f.Tag.Keys("color")
}

// Reader is a service that reads letters.
type Reader struct {
	_ service.Name `service:"reader"`

	Entrypoints struct {
		Read Letter `letter:"julio"`
	}

	Pencil Color `color:"red"`
}

func (r *Reader) Read(ctx context.Context, text string) (string, error) {
	language, _ := service.Language.Get(ctx)
	return fmt.Sprintf("read %q in %s, corrected in %s", text, language, r.Pencil), nil
}

// Text is an argument that is not encoded.
type Text string

// Decode implements [signature.Value].
func (t Text) Decode(v any) error {
	s, ok := v.(*string)
	if !ok {
		return fmt.Errorf("a text does not fit %T", v)
	}
	*s = string(t)
	return nil
}

// An entrypoint turns its input into requests: the arguments, and what else the peer says about the
// call.
func ExampleRow_Run() {
	box := Letterbox{}
	c, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)}, new(Reader), service.Configure(box))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	_ = c.Start(ctx)
	defer c.Stop(ctx)

	fmt.Println(box["julio"](ctx, service.Request{
		Arguments: signature.Arguments{Positional: []signature.Value{Text("¡Hola!")}},
		Data:      map[string]any{"language": "es"},
	}))
	_, err = box["julio"](ctx, service.Request{})
	fmt.Println(err)
	// Output:
	// read "¡Hola!" in es, corrected in red <nil>
	// read() missing 1 required positional argument: 'text'
}

// A field gets its value from its type, which can keep the value that a literal sets.
func ExampleDependencyType() {
	box := Letterbox{}
	c, err := service.New(service.Config{}, &Reader{Pencil: "green"}, service.Configure(box))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	_ = c.Start(ctx)
	defer c.Stop(ctx)

	fmt.Println(box["julio"](ctx, service.Request{
		Arguments: signature.Arguments{Keyword: []signature.Named{{Name: "text", Value: Text("Hi")}}},
	}))
	// Output: read "Hi" in , corrected in green <nil>
}

// Values that have no effect are mistakes.
func ExampleConfigure() {
	_, err := service.New(service.Config{}, new(Reader))
	fmt.Println(err)
	_, err = service.New(service.Config{}, new(Reader), service.Configure(Letterbox{}), service.Configure(&Letterbox{}))
	fmt.Println(err)
	// Output:
	// service reader: Read: no letterbox: add service.Configure(Letterbox{})
	// service.Configure: service_test.Letterbox is given as *service_test.Letterbox: remove the &
}

// Tags of extensions, and of the fields of typed clients, are read strictly.
func ExampleParseTag() {
	tag, err := service.ParseTag(`mail:"julio@example.org" confirm:"true" rety:"3"`)
	fmt.Println(tag.Get("mail"), err)
	fmt.Println(tag.Flag("confirm", false))
	fmt.Println(tag.Keys("mail", "confirm", "retry"))
	// Output:
	// julio@example.org <nil>
	// true <nil>
	// unknown key rety in its tag: did you mean retry?
}

// A Wire is shared by all rows of a container. It has the methods Start and Stop, which are
// optional.
type Wire struct{}

func newWire(*service.Host) (*Wire, error)   { return new(Wire), nil }
func (*Wire) Start(context.Context) error    { fmt.Println("connected"); return nil }
func (*Wire) Stop(ctx context.Context) error { fmt.Println("closed"); return nil }

// Phone is an entrypoint on the wire.
type Phone struct{}

func (Phone) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	wire, err := service.Shared(r.Host, newWire)
	_, bindErr := r.Bind("ring")
	return &phone{wire, r.Name}, errors.Join(err, bindErr, r.Tag.Keys())
}

type phone struct {
	*Wire
	name string
}

func (p *phone) Start(context.Context) error { fmt.Println(p.name, "on"); return nil }
func (p *phone) Stop(context.Context) error  { return nil }

// Office has two phones, which share one wire.
type Office struct {
	_ service.Name `service:"office"`

	Entrypoints struct {
		Front Phone `method:"Ring"`
		Back  Phone `method:"Ring"`
	}
}

func (*Office) Ring(context.Context) error { return nil }

func ExampleShared() {
	c, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)}, new(Office))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	_ = c.Start(ctx)
	_ = c.Stop(ctx)
	// Output:
	// connected
	// Front on
	// Back on
	// closed
}
