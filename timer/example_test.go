package timer_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
)

// Garden waters plants and keeps a diary.
type Garden struct {
	_ service.Name `service:"garden"`

	Entrypoints struct {
		Water timer.Interval `timer:"12h" eager:"true"`
		Write timer.Interval `timer:"24h" missed:"all"`
	}

	watered chan struct{}
}

// Water is called at the start and every twelve hours.
func (g *Garden) Water(ctx context.Context) error {
	fmt.Println("watered by", service.FromContext(ctx).Method)
	close(g.watered)
	return nil
}

// Write is called once a day.
func (g *Garden) Write(_ context.Context, tick timer.Tick) error {
	yesterday := tick.Nominal.AddDate(0, 0, -1)
	fmt.Println(yesterday.Format("Monday: it did not rain"))
	return nil
}

func ExampleInterval() {
	garden := &Garden{watered: make(chan struct{})}
	c, err := service.New(service.Config{}, garden)
	if err != nil {
		fmt.Println(err) // all mistakes of all services
		return
	}
	ctx := context.Background()
	if err := c.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	<-garden.watered
	if err := c.Stop(ctx); err != nil {
		fmt.Println(err)
	}
	// Output: watered by Water
}

// A test can call the method with a literal Tick.
func ExampleTick() {
	garden := new(Garden)
	_ = garden.Write(context.Background(), timer.Tick{Nominal: time.Date(2100, time.January, 2, 0, 0, 0, 0, time.UTC)})
	// Output: Friday: it did not rain
}

// Sales reports the sales of each day.
type Sales struct {
	_ service.Name `service:"sales"`

	Entrypoints struct {
		Report timer.Cron `timer:"30 2 * * *" tz:"Europe/Madrid"`
	}
}

// Report is called once a night, in one process of the fleet.
func (*Sales) Report(_ context.Context, tick timer.Tick) error {
	fmt.Println("sales before", tick.Nominal.Format(time.DateOnly))
	return nil
}

// A test can call the method, or run the row with servicetest.
func ExampleCron() {
	_ = new(Sales).Report(context.Background(), timer.Tick{Nominal: time.Date(2100, time.January, 2, 2, 30, 0, 0, time.UTC)})
	// Output: sales before 2100-01-02
}
