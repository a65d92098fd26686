// A consumer of crawl batches on the Benthos engine, as a Go team would write it: the engine has the queue, the
// threads and the acknowledgements; Postgres reads the JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/klauspost/compress/zstd"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	amqp "github.com/rabbitmq/amqp091-go"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
)

const queue = "analytics.data.collected"

// Twice the transactions in flight: the next objects are there when a transaction ends.
const prefetch = 16

const pipeline = `
input:
  crawl_events: {}
pipeline:
  threads: 8
  processors:
    - crawl_object: {}
output:
  crawl_rows: {}
logger:
  level: WARN
metrics:
  none: {}
`

const transactions = 8

var ready atomic.Bool

type event struct {
	ID        string    `json:"event_id"`
	Timestamp time.Time `json:"timestamp"`
	Payload   struct {
		Project  *string `json:"project_id"`
		Job      string  `json:"job_id"`
		Platform string  `json:"platform"`
		Path     string  `json:"minio_path"`
		Count    *int64  `json:"content_count"`
		Index    *int64  `json:"batch_index"`
		Total    *int64  `json:"total_batches"`
		Task     *string `json:"task_type"`
		Keyword  *string `json:"keyword"`
		Brand    *string `json:"brand_name"`
	} `json:"payload"`
	received time.Time
}

// Events from RabbitMQ.
type events struct {
	connection *amqp.Connection
	channel    *amqp.Channel
	deliveries <-chan amqp.Delivery
}

func (e *events) Connect(context.Context) (err error) {
	settings := amqp.Config{Heartbeat: 300 * time.Second}
	if e.connection, err = amqp.DialConfig(os.Getenv("RABBITMQ_URL"), settings); err != nil {
		return err
	}
	if e.channel, err = e.connection.Channel(); err != nil {
		return err
	}
	if err = e.channel.Qos(prefetch, 0, false); err != nil {
		return err
	}
	if e.deliveries, err = e.channel.Consume(queue, "", false, false, false, false, nil); err == nil {
		ready.Store(true)
	}
	return err
}

func (e *events) Read(ctx context.Context) (*service.Message, service.AckFunc, error) {
	select {
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case delivery, open := <-e.deliveries:
		if !open {
			return nil, nil, service.ErrNotConnected
		}
		message := service.NewMessage(delivery.Body)
		message.MetaSetMut("received", time.Now())
		return message, func(_ context.Context, err error) error {
			if err != nil {
				return delivery.Nack(false, true)
			}
			return delivery.Ack(false)
		}, nil
	}
}

func (e *events) Close(context.Context) error {
	if e.connection == nil {
		return nil
	}
	return e.connection.Close()
}

// The object that an event names, unpacked.
type object struct {
	store *minio.Client
	zstd  *zstd.Decoder
}

func (o *object) Process(ctx context.Context, message *service.Message) (service.MessageBatch, error) {
	body, err := message.AsBytes()
	if err != nil {
		return nil, err
	}
	received, _ := message.MetaGetMut("received")
	it := &event{received: received.(time.Time)}
	if err := json.Unmarshal(body, it); err != nil {
		return nil, err
	}
	bucket, key, found := strings.Cut(it.Payload.Path, "/")
	if !found {
		return nil, errors.New("a path without a bucket: " + it.Payload.Path)
	}
	reader, err := o.store.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	items, err := io.ReadAll(reader)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(key, ".zst") {
		if items, err = o.zstd.DecodeAll(items, nil); err != nil {
			return nil, err
		}
	}
	message.SetBytes(items)
	message.MetaSetMut("event", it)
	return service.MessageBatch{message}, nil
}

func (o *object) Close(context.Context) error { return nil }

// Rows in Postgres, so many transactions at once.
type rows struct {
	pool *pgxpool.Pool
	sql  string
}

func (r *rows) Connect(ctx context.Context) error {
	settings, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	settings.MaxConns = transactions
	settings.MinConns = transactions
	settings.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	r.pool, err = pgxpool.NewWithConfig(ctx, settings)
	return err
}

func (r *rows) Write(ctx context.Context, message *service.Message) error {
	if err := message.GetError(); err != nil {
		return err
	}
	items, err := message.AsBytes()
	if err != nil {
		return err
	}
	meta, _ := message.MetaGetMut("event")
	it := meta.(*event)
	p := &it.Payload
	_, err = r.pool.Exec(ctx, r.sql, items, it.ID, p.Path, p.Project, p.Job, p.Platform, p.Index, p.Total, p.Count,
		it.Timestamp, it.received, p.Brand, p.Keyword, p.Task)
	return err
}

func (r *rows) Close(context.Context) error {
	if r.pool != nil {
		r.pool.Close()
	}
	return nil
}

func main() {
	// Memory for speed: batches are large and short-lived.
	debug.SetGCPercent(400)
	program, err := os.Executable()
	check(err)
	sql, err := os.ReadFile(filepath.Join(filepath.Dir(program), "batch.sql"))
	check(err)
	store, err := minio.New(os.Getenv("MINIO_ENDPOINT"), &minio.Options{
		Creds:  credentials.NewStaticV4(os.Getenv("MINIO_ACCESS_KEY"), os.Getenv("MINIO_SECRET_KEY"), ""),
		Region: "us-east-1",
	})
	check(err)
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0))
	check(err)

	nothing := service.NewConfigSpec()
	check(service.RegisterInput("crawl_events", nothing,
		func(*service.ParsedConfig, *service.Resources) (service.Input, error) {
			return service.AutoRetryNacks(&events{}), nil
		}))
	check(service.RegisterProcessor("crawl_object", nothing,
		func(*service.ParsedConfig, *service.Resources) (service.Processor, error) {
			return &object{store: store, zstd: decoder}, nil
		}))
	check(service.RegisterOutput("crawl_rows", nothing,
		func(*service.ParsedConfig, *service.Resources) (service.Output, int, error) {
			return &rows{sql: string(sql)}, transactions, nil
		}))
	go func() {
		http.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
			if !ready.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		check(http.ListenAndServe("127.0.0.1:"+os.Getenv("METRICS_PORT"), nil))
	}()
	builder := service.NewStreamBuilder()
	check(builder.SetYAML(pipeline))
	stream, err := builder.Build()
	check(err)
	check(stream.Run(context.Background()))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
