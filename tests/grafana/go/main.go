// Asks an endpoint as Grafana's ClickHouse plugin does over HTTP: database/sql over clickhouse-go, with the options that
// the plugin's pkg/plugin/driver.go sets. Prints one line of JSON per way of compressing.
//
//	plugin-access HOST:PORT USER PASSWORD DATABASE COMPRESSION… <statements, a JSON list on stdin
package main

import (
	"context"
	"crypto/tls"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

var compressions = map[string]clickhouse.CompressionMethod{
	"none": clickhouse.CompressionNone,
	"gzip": clickhouse.CompressionGZIP, // what the plugin uses over HTTP
	"lz4":  clickhouse.CompressionLZ4,
	"zstd": clickhouse.CompressionZSTD,
}

// One statement's answer.
type answer struct {
	Columns []string `json:"columns"`
	Types   []string `json:"types"`
	Rows    int      `json:"rows"`
	First   []string `json:"first"`
	Error   string   `json:"error"`
	Code    int32    `json:"code"`
}

type report struct {
	Compression string   `json:"compression"`
	Version     string   `json:"version"`
	Error       string   `json:"error"`
	Answers     []answer `json:"answers"`
}

func open(address, user, password, database string, method clickhouse.CompressionMethod) *sql.DB {
	db := clickhouse.OpenDB(&clickhouse.Options{
		Addr: []string{address},
		Auth: clickhouse.Auth{Database: database, Username: user, Password: password},
		ClientInfo: clickhouse.ClientInfo{Products: []struct{ Name, Version string }{
			{Name: "grafana", Version: "13.0.0"}, {Name: "clickhouse-datasource", Version: "4.20.0"},
		}},
		Compression: &clickhouse.Compression{Method: method},
		DialTimeout: 10 * time.Second,
		HttpHeaders: map[string]string{"X-Grafana-Org-Id": "1"},
		Protocol:    clickhouse.HTTP,
		ReadTimeout: 60 * time.Second,
		Settings:    clickhouse.Settings{"max_execution_time": 60, "limit": 0},
		TLS:         (*tls.Config)(nil),
	})
	db.SetConnMaxLifetime(5 * time.Minute)
	db.SetMaxIdleConns(25)
	db.SetMaxOpenConns(50)
	return db
}

func ask(ctx context.Context, db *sql.DB, statement string) (told answer) {
	defer func() {
		if caught := recover(); caught != nil {
			told.Error = fmt.Sprint(caught)
		}
	}()
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return failed(err)
	}
	defer rows.Close()
	told.Columns, _ = rows.Columns()
	types, _ := rows.ColumnTypes()
	for _, one := range types {
		told.Types = append(told.Types, one.DatabaseTypeName())
	}
	for rows.Next() {
		values, pointers := make([]any, len(told.Columns)), make([]any, len(told.Columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			return failed(err)
		}
		if told.Rows == 0 {
			for _, value := range values {
				told.First = append(told.First, fmt.Sprint(value))
			}
		}
		told.Rows++
	}
	if err := rows.Err(); err != nil {
		return failed(err)
	}
	return told
}

func failed(err error) answer {
	told := answer{Error: err.Error()}
	if exception, is := err.(*clickhouse.Exception); is {
		told.Code = exception.Code
	}
	return told
}

func main() {
	address, user, password, database := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	var statements []string
	if err := json.NewDecoder(os.Stdin).Decode(&statements); err != nil {
		panic(err)
	}
	out := json.NewEncoder(os.Stdout)
	for _, name := range os.Args[5:] {
		said := report{Compression: name}
		db := open(address, user, password, database, compressions[name])
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		if err := db.PingContext(ctx); err != nil {
			said.Error = err.Error()
		} else if err := db.QueryRowContext(ctx, "SELECT version()").Scan(&said.Version); err != nil {
			said.Error = err.Error()
		} else {
			for _, statement := range statements {
				said.Answers = append(said.Answers, ask(ctx, db, statement))
			}
		}
		cancel()
		db.Close()
		if err := out.Encode(said); err != nil {
			panic(err)
		}
	}
}
